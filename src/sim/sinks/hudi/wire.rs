//! How the table's settings travel: in JSON flat under their real keys; to a worker the few that the opening scenario uses as
//! they are, and all of them as a parcel of bytes that the small build passes over, if any other is set.
//!
//! Mirrors: nothing real; see `docs/decisions/0007-lean-page.md`.

use super::{HudiConfig, PartitionPathField, RecordKeyField, SinkWriter, WriteOperation};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct Wire {
    operation: WriteOperation,
    record_key: RecordKeyField,
    partition_path: PartitionPathField,
    identifier: String,
    writer: SinkWriter,
    all: Option<Vec<u8>>,
}

/// The settings field by field.
struct Flat(HudiConfig);

impl Serialize for Flat {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        HudiConfig::serialize(&self.0, to)
    }
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        HudiConfig::deserialize(from).map(Flat)
    }
}

impl HudiConfig {
    /// The settings that the small build knows, the others at their defaults.
    pub fn basics(&self) -> HudiConfig {
        HudiConfig {
            operation: self.operation,
            record_key: self.record_key,
            partition_path: self.partition_path,
            identifier: self.identifier.clone(),
            writer: self.writer,
            ..HudiConfig::default()
        }
    }
}

impl Serialize for HudiConfig {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return HudiConfig::serialize(self, to);
        }
        let beyond = *self != self.basics();
        let all = beyond
            .then(|| postcard::to_stdvec(&Flat(self.clone())).expect("settings are plain data"));
        let wire = Wire {
            operation: self.operation,
            record_key: self.record_key,
            partition_path: self.partition_path,
            identifier: self.identifier.clone(),
            writer: self.writer,
            all,
        };
        wire.serialize(to)
    }
}

impl<'de> Deserialize<'de> for HudiConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            return HudiConfig::deserialize(from);
        }
        let wire = Wire::deserialize(from)?;
        if let (false, Some(all)) = (cfg!(feature = "lean"), &wire.all) {
            let flat: Result<Flat, _> = postcard::from_bytes(all);
            return flat.map(|flat| flat.0).map_err(serde::de::Error::custom);
        }
        Ok(HudiConfig {
            operation: wire.operation,
            record_key: wire.record_key,
            partition_path: wire.partition_path,
            identifier: wire.identifier,
            writer: wire.writer,
            ..HudiConfig::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HudiConfig, TableType};

    #[test]
    fn settings_arrive_as_they_were_sent_however_they_travel() {
        let plain = HudiConfig::default();
        let more = HudiConfig {
            table_type: TableType::MergeOnRead,
            ordering: Some("event_ts".into()),
            combine_before_upsert: false,
            ..HudiConfig::default()
        };
        for config in [plain, more] {
            let bytes = postcard::to_stdvec(&config).expect("plain data");
            let read: HudiConfig = postcard::from_bytes(&bytes).expect("just written");
            assert_eq!(read, config);
            let json = serde_json::to_value(&config).expect("plain data");
            assert_eq!(
                serde_json::from_value::<HudiConfig>(json).expect("just written"),
                config
            );
        }
    }
}
