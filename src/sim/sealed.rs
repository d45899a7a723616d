//! Sections of a scenario that a small build carries unopened: `#[serde(with = "sealed")]`.
//!
//! In JSON a section stands as it is. On the wire to a worker it is nothing where it is all defaults, else a parcel of bytes
//! with a length in front, which the build without that part (feature `lean`) passes over, and with it all code to read it.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Puts a section into a parcel, unless people are to read it.
pub fn serialize<T, S>(section: &T, to: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + Default + PartialEq,
    S: Serializer,
{
    if to.is_human_readable() {
        return section.serialize(to);
    }
    let parcel = (*section != T::default())
        .then(|| postcard::to_stdvec(section).expect("a section is plain data"));
    parcel.serialize(to)
}

/// Opens it again; a small build takes the defaults.
pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'de>,
{
    if cfg!(feature = "lean") {
        Option::<Vec<u8>>::deserialize(from)?;
        return Ok(T::default());
    }
    if from.is_human_readable() {
        return T::deserialize(from);
    }
    let parcel = Option::<Vec<u8>>::deserialize(from)?;
    let open = |bytes: Vec<u8>| postcard::from_bytes(&bytes).map_err(D::Error::custom);
    parcel.map_or(Ok(T::default()), open)
}
