//! The instances of the producing application as drawn: their epochs, who stands still, and who is a zombie.

use crate::sim::kernel::{HostId, Time};
use crate::sim::trace::{Cast, Fact};

/// A process that produces to the topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Writer {
    pub host: HostId,
    pub alive: bool,
    /// Producer id and epoch.
    pub identity: Option<(u64, u16)>,
    /// The `transactional.id` of its last transaction.
    pub id: Option<String>,
    pub paused_until: Time,
    /// Another instance has its producer id with a newer epoch, and it does not know.
    pub zombie: bool,
    /// It was refused for that.
    pub fenced: bool,
}

impl Writer {
    pub fn epoch(&self) -> u16 {
        self.identity.map_or(0, |(_, epoch)| epoch)
    }
}

/// All instances, the first one first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Writers(pub Vec<Writer>);

impl Writers {
    pub fn new(cast: &Cast) -> Self {
        let instance = |name: &&String| {
            let number = name.strip_prefix('p');
            number.is_some_and(|number| number.parse::<u8>().is_ok())
        };
        let writer = |host| Writer {
            host,
            alive: true,
            identity: None,
            id: None,
            paused_until: Time::ZERO,
            zombie: false,
            fenced: false,
        };
        let hosts = cast.hosts.iter().filter(instance);
        Writers(
            hosts
                .filter_map(|name| cast.find(name))
                .map(writer)
                .collect(),
        )
    }

    pub fn get(&self, host: HostId) -> Option<&Writer> {
        self.0.iter().find(|one| one.host == host)
    }

    /// Takes in what happened at a host.
    pub fn fold(&mut self, at: Time, host: HostId, fact: &Fact) {
        if let Fact::WriterFenced { id, .. } = fact {
            for one in &mut self.0 {
                one.fenced |= one.zombie && one.id.as_ref().is_none_or(|own| own == id);
            }
        }
        if self.get(host).is_none() {
            return;
        }
        let mut taken = None;
        for one in self.0.iter_mut().filter(|one| one.host == host) {
            match fact {
                Fact::ProducerIdAssigned { producer_id, epoch } => {
                    one.identity = Some((*producer_id, *epoch));
                    (one.zombie, one.fenced) = (false, false);
                    taken = one.identity;
                }
                Fact::TransactionBegan { id } => one.id = Some(id.clone()),
                Fact::Paused { during } => one.paused_until = at + *during,
                Fact::Crashed { .. } => {
                    one.alive = false;
                    (one.zombie, one.fenced) = (false, false);
                }
                Fact::Restarted => one.alive = true,
                _ => {}
            }
        }
        let Some((producer_id, epoch)) = taken else {
            return;
        };
        for one in self.0.iter_mut().filter(|one| one.host != host) {
            let older = |(id, own): (u64, u16)| id == producer_id && own < epoch;
            one.zombie |= one.alive && one.identity.is_some_and(older);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::follow;

    /// How often the two instances are seen as zombies, and fenced.
    fn seen(patch: &str) -> (usize, usize) {
        use crate::replay::Board;
        use crate::sim::{Keep, Patch, Simulation, catalog};

        let scenario = catalog::find("shared-transactional-id").expect("a preset");
        let scenario = scenario.scenario();
        let patch = Patch::parse(patch).expect("a patch");
        let scenario = scenario.patched(&patch).expect("valid");
        let run = Simulation::run(&scenario, Keep::Trace);
        let trace = run.trace.as_ref().expect("kept");
        let mut board = Board::new(&scenario, &run);
        let (mut zombies, mut fenced) = (0, 0);
        for index in 0..trace.events.len() {
            board.fold(trace, index);
            let writers = &board.writers.0;
            assert_eq!(writers.len(), 2);
            zombies += writers.iter().filter(|one| one.zombie).count();
            fenced += writers.iter().filter(|one| one.fenced).count();
        }
        (zombies, fenced)
    }

    #[test]
    fn two_instances_with_one_id_are_zombies_in_turn_and_with_an_id_each_never() {
        let (zombies, fenced) = seen("{}");
        assert!(zombies > 0 && fenced > 0, "{zombies} {fenced}");
        let own = r#"{"producer": {"transactional.id.suffix": "instance"}}"#;
        assert_eq!(seen(own), (0, 0));
    }

    #[test]
    fn what_every_instance_sends_is_in_the_topic_and_on_the_way() {
        let mut flown = Vec::new();
        let end = follow("shared-transactional-id", |_, board| {
            for flight in &board.producer.flights {
                if !flown.contains(&flight.batch.producer) {
                    flown.push(flight.batch.producer);
                }
            }
        });
        assert_eq!(flown.len(), 2);
        let slots = end.partitions.iter().map(|one| one.slots.len());
        assert!(slots.sum::<usize>() >= 40);
    }
}
