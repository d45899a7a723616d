//! The digests that every build must give: the same table is held against native code, a browser and Node.
//!
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes the table anew.

use streamproof::sim::{Keep, Patch, Simulation, catalog};

/// A preset and a patch of it, under a name of one word.
pub struct Case {
    pub name: &'static str,
    pub preset: &'static str,
    pub patch: &'static str,
}

/// What the table holds beside the unpatched presets.
const PATCHED: &[Case] = &[
    Case {
        name: "idempotence-on",
        preset: catalog::OPENING,
        patch: r#"{"producer": {"enable.idempotence": true}}"#,
    },
    Case {
        name: "upsert",
        preset: catalog::OPENING,
        patch: r#"{"sink": {"hudi": {"hoodie.datasource.write.operation": "upsert"}}}"#,
    },
    Case {
        name: "driver-crash-before-the-commit-log",
        preset: catalog::OPENING,
        patch: r#"{"faults": {"crash": {"do": "driver.crash.C5", "at": 3500}}}"#,
    },
    Case {
        name: "leader-crash-with-acks-1",
        preset: catalog::OPENING,
        patch: r#"{"producer": {"acks": "1"}, "faults": {"lost-ack": null, "lag-2": {"do": "net.reset", "where": "b1>b2", "at": 3000}, "lag-3": {"do": "net.reset", "where": "b1>b3", "at": 3000}, "crash": {"do": "broker.crash.kept", "where": "b1", "at": 3900}}}"#,
    },
    Case {
        name: "foreach-batch-uuid",
        preset: catalog::OPENING,
        patch: r#"{"sink": {"hudi": {"sink.writer": "foreach_batch", "hoodie.datasource.write.operation": "upsert", "hoodie.datasource.write.recordkey.field": "uuid"}}, "faults": {"crash": {"do": "driver.crash.C5", "at": 3500}}}"#,
    },
    Case {
        name: "chance-and-lost-checkpoint",
        preset: catalog::OPENING,
        patch: r#"{"seed": 7, "engine": {"spark": {"checkpointLocation": "lost"}}, "faults": {"acks": {"do": "net.drop_ack", "where": "p1>*", "chance": 100000}, "crash": {"do": "driver.crash", "at": 4400}, "kill": {"do": "executor.kill", "after": {"task_started": 20}}}}"#,
    },
];

const TABLE: &str = include_str!("../golden/digests.txt");

/// Every preset, then the patched ones.
pub fn cases() -> impl Iterator<Item = Case> {
    let presets = catalog::all().iter().map(|preset| Case {
        name: "-",
        preset: preset.id,
        patch: "{}",
    });
    let patched = PATCHED.iter().map(|case| Case { ..*case });
    presets.chain(patched)
}

impl Case {
    fn key(&self) -> String {
        format!("{} {}", self.preset, self.name)
    }

    fn digest(&self) -> String {
        let preset = catalog::find(self.preset).expect("the preset exists");
        let patch = Patch::parse(self.patch).expect("the patch is JSON");
        let scenario = preset
            .scenario()
            .patched(&patch)
            .unwrap_or_else(|error| panic!("{}: {error}", self.key()));
        Simulation::run(&scenario, Keep::LedgerOnly).digest_text()
    }
}

/// The table as this build would write it: preset, patch, digest.
pub fn table() -> String {
    cases()
        .map(|case| format!("{} {}\n", case.key(), case.digest()))
        .collect()
}

/// Holds this build against the recorded table.
pub fn check() {
    let (found, recorded) = (table(), TABLE);
    let differing: Vec<&str> = found
        .lines()
        .filter(|line| !recorded.lines().any(|known| known == *line))
        .collect();
    assert!(
        differing.is_empty() && found.lines().count() == recorded.lines().count(),
        "tests/golden/digests.txt does not hold\n{}\nIf every change of behaviour is meant: UPDATE_GOLDEN=1 cargo test --test golden",
        differing.join("\n")
    );
}
