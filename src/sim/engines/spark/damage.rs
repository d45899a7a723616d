//! What people do to a checkpoint: delete a part of it, or all.
//!
//! Mirrors: `rm` in a `checkpointLocation`.

use super::super::super::store::Objects;

/// The entries that are meant: `last`, `lastN` (the N newest), `second_last` or `all`; none for anything else.
pub fn chosen<T: Clone>(entries: &[T], which: &str) -> Option<Vec<T>> {
    let count = entries.len();
    Some(match which {
        "all" => entries.to_vec(),
        "second_last" => entries.iter().rev().nth(1).cloned().into_iter().collect(),
        _ => {
            let newest = match which.strip_prefix("last")? {
                "" => 1,
                number => number.parse::<usize>().ok()?,
            };
            entries[count - newest.min(count)..].to_vec()
        }
    })
}

/// The paths that go with `checkpoint`, `metadata`, `state`, `offsets/last`, `commits/all` and the like, several joined by `+`;
/// none if a part is not known.
pub fn doomed(objects: &Objects, checkpoint: &str, what: &str) -> Option<Vec<String>> {
    let mut doomed = Vec::new();
    for part in what.split('+') {
        let (folder, which) = part.split_once('/').unwrap_or((part, "all"));
        let inside = match folder {
            "checkpoint" => checkpoint.to_string(),
            "metadata" => format!("{checkpoint}metadata"),
            "offsets" | "commits" | "state" | "sources" => format!("{checkpoint}{folder}/"),
            _ => return None,
        };
        let paths = objects.keys().filter(|path| path.starts_with(&inside));
        doomed.extend(chosen(&paths.cloned().collect::<Vec<String>>(), which)?);
    }
    Some(doomed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_chosen_from_the_newest_on() {
        let all = [0, 1, 2, 3];
        for (which, expected) in [
            ("last", Some(&[3][..])),
            ("last2", Some(&[2, 3])),
            ("last9", Some(&all)),
            ("second_last", Some(&[2])),
            ("all", Some(&all)),
            ("first", None),
            ("lastly", None),
        ] {
            assert_eq!(chosen(&all, which).as_deref(), expected, "{which}");
        }
        assert_eq!(chosen::<u8>(&[], "last"), Some(vec![]));
    }
}
