//! Sorting and gathering that cost little to download.
//!
//! The standard library compiles a sort of its own for every type that is sorted, some 3 kB each, and another one for every
//! map or set that is collected. Here there is one sort for all, of whole numbers.

/// Sorts by two whole numbers; what is equal in both stays in its order.
pub fn sort_by_rank<T>(items: &mut Vec<T>, rank: impl Fn(&T) -> (u64, u64)) {
    let place = |(index, item): (usize, &T)| {
        let (first, second) = rank(item);
        (first, second, index)
    };
    let mut places: Vec<(u64, u64, usize)> = items.iter().enumerate().map(place).collect();
    places.sort_unstable();
    let mut taken: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(places.iter().filter_map(|&(.., index)| taken[index].take()));
}

/// What `collect` gives, put in one by one.
pub fn gather<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut gathered = C::default();
    gathered.extend(items);
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn equal_ranks_keep_their_order() {
        let mut words = vec!["bb", "a", "dd", "ccc", "e"];
        sort_by_rank(&mut words, |word| (word.len() as u64, 0));
        assert_eq!(words, ["a", "e", "bb", "dd", "ccc"]);
        sort_by_rank(&mut words, |word| (0, u64::MAX - word.len() as u64));
        assert_eq!(words, ["ccc", "bb", "dd", "a", "e"]);
    }

    #[test]
    fn what_is_gathered_is_what_is_collected() {
        let numbers = [3, 1, 2, 1];
        let collected: BTreeSet<i32> = numbers.into_iter().collect();
        assert_eq!(gather::<BTreeSet<i32>, _>(numbers), collected);
    }
}
