//! Maps and sets in the order of their keys that cost little to download.
//!
//! They do what the standard library's B-tree maps do. Those compile to 3 kB to 8 kB for every type of key and value, and
//! were a fifth of the program that opens the page; these are sorted lists cut into chunks, a few hundred bytes for a type.
//! Looking something up halves twice, first the chunks, then one chunk. Putting something in moves at most one chunk, and
//! what arrives in the order of its keys, as offsets and order numbers do, is only appended.

use std::borrow::Borrow;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::{Bound, Index, RangeBounds};
use std::{slice, vec};

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Chunk<K, V> = Vec<(K, V)>;

/// The most entries of one chunk.
const ROOM: usize = 64;

/// A map in the order of its keys.
#[derive(Clone)]
pub struct OrdMap<K, V> {
    /// No chunk is empty, and every key is greater than the one before, across chunks too.
    chunks: Vec<Chunk<K, V>>,
}

/// Where a key is, or where it would be put.
struct Place {
    chunk: usize,
    index: usize,
    found: bool,
}

impl<K, V> OrdMap<K, V> {
    pub const fn new() -> OrdMap<K, V> {
        OrdMap { chunks: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub fn clear(&mut self) {
        self.chunks.clear();
    }

    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter(Flat::all(self.chunks.iter()))
    }

    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut(Flat::all(self.chunks.iter_mut()))
    }

    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys(self.iter())
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        let (key, value) = self.chunks.first()?.first()?;
        Some((key, value))
    }

    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        let (key, value) = self.chunks.last()?.last()?;
        Some((key, value))
    }

    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.is_empty()).then(|| self.take(0, 0))
    }

    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let chunk = self.chunks.len().checked_sub(1)?;
        Some(self.take(chunk, self.chunks[chunk].len() - 1))
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for chunk in &mut self.chunks {
            chunk.retain_mut(|(key, value)| keep(key, value));
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
    }

    fn take(&mut self, chunk: usize, index: usize) -> (K, V) {
        let taken = self.chunks[chunk].remove(index);
        if self.chunks[chunk].is_empty() {
            self.chunks.remove(chunk);
        }
        taken
    }

    /// Puts an entry where its key belongs, and says where it is now.
    fn put(&mut self, place: Place, entry: (K, V)) -> (usize, usize) {
        let Place {
            mut chunk,
            mut index,
            ..
        } = place;
        // Behind the last chunk: it takes what comes in order, until it is full.
        if chunk == self.chunks.len() {
            match self.chunks.last() {
                Some(last) if last.len() < ROOM => {
                    chunk -= 1;
                    index = last.len();
                }
                _ => self.chunks.push(Vec::new()),
            }
        } else if self.chunks[chunk].len() == ROOM {
            let upper = self.chunks[chunk].split_off(ROOM / 2);
            self.chunks.insert(chunk + 1, upper);
            if index > ROOM / 2 {
                chunk += 1;
                index -= ROOM / 2;
            }
        }
        self.chunks[chunk].insert(index, entry);
        (chunk, index)
    }
}

impl<K: Ord, V> OrdMap<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Place
    where
        K: Borrow<Q>,
    {
        let before = |(known, _): &(K, V)| known.borrow() < key;
        let chunk = (self.chunks).partition_point(|chunk| chunk.last().is_some_and(before));
        let (index, found) = self.chunks.get(chunk).map_or((0, false), |chunk| {
            let index = chunk.partition_point(before);
            (index, chunk[index].0.borrow() == key)
        });
        Place {
            chunk,
            index,
            found,
        }
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key);
        (place.found).then(|| &self.chunks[place.chunk][place.index].1)
    }

    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key);
        (place.found).then(|| &mut self.chunks[place.chunk][place.index].1)
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).found
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = self.find(&key);
        if place.found {
            let known = &mut self.chunks[place.chunk][place.index].1;
            return Some(std::mem::replace(known, value));
        }
        self.put(place, (key, value));
        None
    }

    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key);
        (place.found).then(|| self.take(place.chunk, place.index).1)
    }

    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry {
            place: self.find(&key),
            map: self,
            key,
        }
    }

    /// Takes out what is at this key and behind it.
    pub fn split_off(&mut self, key: &K) -> OrdMap<K, V> {
        let Place { chunk, index, .. } = self.find(key);
        let mut chunks = self.chunks.split_off(chunk);
        if index > 0 {
            let upper = chunks[0].split_off(index);
            self.chunks.push(std::mem::replace(&mut chunks[0], upper));
        }
        OrdMap { chunks }
    }

    /// The entries between two keys; nothing where they are the wrong way round.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let (first, start) = match range.start_bound() {
            Bound::Included(key) => self.edge(key, false),
            Bound::Excluded(key) => self.edge(key, true),
            Bound::Unbounded => (0, 0),
        };
        let (last, end) = match range.end_bound() {
            Bound::Included(key) => self.edge(key, true),
            Bound::Excluded(key) => self.edge(key, false),
            Bound::Unbounded => (self.chunks.len(), 0),
        };
        let Some(chunk) = self.chunks.get(first) else {
            return Iter(Flat::default());
        };
        if first >= last {
            let within = if first == last { start..end } else { 0..0 };
            return Iter(Flat {
                front: chunk.get(within).unwrap_or_default().iter(),
                ..Flat::default()
            });
        }
        Iter(Flat {
            front: chunk[start..].iter(),
            rest: self.chunks[first + 1..last].iter(),
            back: self
                .chunks
                .get(last)
                .map_or_else(Default::default, |chunk| chunk[..end].iter()),
        })
    }

    /// The place before this key, or behind it.
    fn edge<Q: Ord + ?Sized>(&self, key: &Q, behind: bool) -> (usize, usize)
    where
        K: Borrow<Q>,
    {
        let place = self.find(key);
        let skipped = usize::from(behind && place.found);
        (place.chunk, place.index + skipped)
    }
}

/// A key of a map, with its value or without one yet.
pub struct Entry<'a, K, V> {
    map: &'a mut OrdMap<K, V>,
    key: K,
    place: Place,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    pub fn or_insert_with_key(self, make: impl FnOnce(&K) -> V) -> &'a mut V {
        let (chunk, index) = if self.place.found {
            (self.place.chunk, self.place.index)
        } else {
            let value = make(&self.key);
            self.map.put(self.place, (self.key, value))
        };
        &mut self.map.chunks[chunk][index].1
    }

    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| make())
    }

    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    #[must_use]
    pub fn and_modify(self, change: impl FnOnce(&mut V)) -> Self {
        if self.place.found {
            change(&mut self.map.chunks[self.place.chunk][self.place.index].1);
        }
        self
    }
}

// Derived, these would ask for a default, an equality or an order of more than the entries.
impl<K, V> Default for OrdMap<K, V> {
    fn default() -> Self {
        OrdMap::new()
    }
}

/// Two maps are equal whatever their chunks are.
impl<K: PartialEq, V: PartialEq> PartialEq for OrdMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for OrdMap<K, V> {}

impl<K: Debug, V: Debug> Debug for OrdMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for OrdMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the map has this key")
    }
}

impl<K: Ord, V> Extend<(K, V)> for OrdMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<'a, K: Ord + Copy, V: Copy> Extend<(&'a K, &'a V)> for OrdMap<K, V> {
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        for (&key, &value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for OrdMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = OrdMap::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for OrdMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Serialize, V: Serialize> Serialize for OrdMap<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Deserialize<'de> for OrdMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Entries::<Self>(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for Entries<OrdMap<K, V>> {
    type Value = OrdMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut map = OrdMap::new();
        while let Some((key, value)) = from.next_entry()? {
            map.insert(key, value);
        }
        Ok(map)
    }
}

// ---- iterators -----------------------------------------------------------------------------------------------------

/// The entries of many chunks, one after the other, from both ends.
#[derive(Clone, Default)]
struct Flat<O, I> {
    front: I,
    rest: O,
    back: I,
}

type Lent<'a, K, V> = Flat<slice::Iter<'a, Chunk<K, V>>, slice::Iter<'a, (K, V)>>;
type LentMut<'a, K, V> = Flat<slice::IterMut<'a, Chunk<K, V>>, slice::IterMut<'a, (K, V)>>;
type Given<K, V> = Flat<vec::IntoIter<Chunk<K, V>>, vec::IntoIter<(K, V)>>;

impl<O, I: Default> Flat<O, I> {
    fn all(rest: O) -> Self {
        Flat {
            front: I::default(),
            rest,
            back: I::default(),
        }
    }
}

impl<O, I> Iterator for Flat<O, I>
where
    O: Iterator<Item: IntoIterator<IntoIter = I>>,
    I: Iterator,
{
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        loop {
            if let Some(entry) = self.front.next() {
                return Some(entry);
            }
            match self.rest.next() {
                Some(chunk) => self.front = chunk.into_iter(),
                None => return self.back.next(),
            }
        }
    }
}

impl<O, I> DoubleEndedIterator for Flat<O, I>
where
    O: DoubleEndedIterator<Item: IntoIterator<IntoIter = I>>,
    I: DoubleEndedIterator,
{
    fn next_back(&mut self) -> Option<I::Item> {
        loop {
            if let Some(entry) = self.back.next_back() {
                return Some(entry);
            }
            match self.rest.next_back() {
                Some(chunk) => self.back = chunk.into_iter(),
                None => return self.front.next_back(),
            }
        }
    }
}

/// The entries of a map.
pub struct Iter<'a, K, V>(Lent<'a, K, V>);

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter(self.0.clone())
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    /// Exact, so that what is collected is allocated once.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let Flat { front, rest, back } = &self.0;
        let length = front.len() + rest.clone().map(Vec::len).sum::<usize>() + back.len();
        (length, Some(length))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

/// The entries of a map, with values that can be changed.
pub struct IterMut<'a, K, V>(LentMut<'a, K, V>);

impl<'a, K, V> Iterator for IterMut<'a, K, V> {
    type Item = (&'a K, &'a mut V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (&*key, value))
    }
}

impl<K, V> DoubleEndedIterator for IterMut<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (&*key, value))
    }
}

/// The keys of a map, or what is in a set.
pub struct Keys<'a, K, V = ()>(Iter<'a, K, V>);

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Keys(self.0.clone())
    }
}

impl<'a, K, V> Iterator for Keys<'a, K, V> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        self.0.next().map(|(key, _)| key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> DoubleEndedIterator for Keys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, _)| key)
    }
}

impl<K, V> ExactSizeIterator for Keys<'_, K, V> {}

/// The entries of a map that is used up.
pub struct IntoIter<K, V>(Given<K, V>);

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.0.next()
    }
}

impl<K, V> DoubleEndedIterator for IntoIter<K, V> {
    fn next_back(&mut self) -> Option<(K, V)> {
        self.0.next_back()
    }
}

impl<K, V> IntoIterator for OrdMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter(Flat::all(self.chunks.into_iter()))
    }
}

impl<'a, K, V> IntoIterator for &'a OrdMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut OrdMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}

// ---- sets ----------------------------------------------------------------------------------------------------------

/// A set in order.
#[derive(Clone)]
pub struct OrdSet<K>(OrdMap<K, ()>);

impl<K> OrdSet<K> {
    pub const fn new() -> OrdSet<K> {
        OrdSet(OrdMap::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> Keys<'_, K> {
        self.0.keys()
    }

    pub fn first(&self) -> Option<&K> {
        self.0.first_key_value().map(|(key, ())| key)
    }

    pub fn last(&self) -> Option<&K> {
        self.0.last_key_value().map(|(key, ())| key)
    }

    pub fn pop_first(&mut self) -> Option<K> {
        self.0.pop_first().map(|(key, ())| key)
    }

    pub fn pop_last(&mut self) -> Option<K> {
        self.0.pop_last().map(|(key, ())| key)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.0.retain(|key, ()| keep(key));
    }
}

impl<K: Ord> OrdSet<K> {
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Whether it was not there yet.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }

    /// Whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).is_some()
    }

    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Keys<'_, K>
    where
        K: Borrow<Q>,
    {
        Keys(self.0.range(range))
    }

    /// What is in this one and not in the other.
    pub fn difference<'a>(&'a self, other: &'a OrdSet<K>) -> impl Iterator<Item = &'a K> {
        self.iter().filter(|key| !other.contains(*key))
    }

    /// What is in one of them and not in the other, in order.
    pub fn symmetric_difference<'a>(&'a self, other: &'a OrdSet<K>) -> OrdSet<&'a K> {
        self.difference(other)
            .chain(other.difference(self))
            .collect()
    }

    pub fn is_subset(&self, other: &OrdSet<K>) -> bool {
        self.iter().all(|key| other.contains(key))
    }
}

impl<K> Default for OrdSet<K> {
    fn default() -> Self {
        OrdSet::new()
    }
}

impl<K: PartialEq> PartialEq for OrdSet<K> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Eq> Eq for OrdSet<K> {}

impl<K: Debug> Debug for OrdSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<K: Ord> Extend<K> for OrdSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<'a, K: Ord + Copy> Extend<&'a K> for OrdSet<K> {
    fn extend<I: IntoIterator<Item = &'a K>>(&mut self, keys: I) {
        for &key in keys {
            self.insert(key);
        }
    }
}

impl<K: Ord> FromIterator<K> for OrdSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = OrdSet::new();
        set.extend(keys);
        set
    }
}

impl<K: Ord, const N: usize> From<[K; N]> for OrdSet<K> {
    fn from(keys: [K; N]) -> Self {
        keys.into_iter().collect()
    }
}

impl<K> IntoIterator for OrdSet<K> {
    type Item = K;
    type IntoIter = std::iter::Map<IntoIter<K, ()>, fn((K, ())) -> K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, ())| key)
    }
}

impl<'a, K> IntoIterator for &'a OrdSet<K> {
    type Item = &'a K;
    type IntoIter = Keys<'a, K>;

    fn into_iter(self) -> Keys<'a, K> {
        self.iter()
    }
}

impl<K: Serialize> Serialize for OrdSet<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.len()))?;
        for key in self {
            list.serialize_element(key)?;
        }
        list.end()
    }
}

impl<'de, K: Deserialize<'de> + Ord> Deserialize<'de> for OrdSet<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Entries::<Self>(PhantomData))
    }
}

impl<'de, K: Deserialize<'de> + Ord> Visitor<'de> for Entries<OrdSet<K>> {
    type Value = OrdSet<K>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut set = OrdSet::new();
        while let Some(key) = from.next_element()? {
            set.insert(key);
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::kernel::rng::Draw;
    use std::collections::{BTreeMap, BTreeSet};

    type Pair = (OrdMap<u64, u64>, BTreeMap<u64, u64>);

    fn check_equal((ours, theirs): &Pair) {
        assert!(ours.iter().eq(theirs.iter()));
        assert!(ours.iter().rev().eq(theirs.iter().rev()));
        assert_eq!(ours.len(), theirs.len());
        assert_eq!(ours.iter().len(), theirs.len());
        assert_eq!(ours.is_empty(), theirs.is_empty());
        assert_eq!(ours.first_key_value(), theirs.first_key_value());
        assert_eq!(ours.last_key_value(), theirs.last_key_value());
        assert!(
            (ours.chunks.iter()).all(|chunk| (1..=ROOM).contains(&chunk.len())),
            "every chunk has something, and none too much"
        );
    }

    /// One random step on both; what each answers is compared.
    fn step((ours, theirs): &mut Pair, draw: &mut Draw, keys: u64) {
        let (key, value) = (draw.below(keys), draw.bits());
        match draw.below(12) {
            0..4 => assert_eq!(ours.insert(key, value), theirs.insert(key, value)),
            4..6 => assert_eq!(ours.remove(&key), theirs.remove(&key)),
            6 => {
                *ours.entry(key).or_insert(value) ^= 2;
                *theirs.entry(key).or_insert(value) ^= 2;
            }
            7 => assert_eq!(ours.pop_first(), theirs.pop_first()),
            8 => assert_eq!(ours.get(&key), theirs.get(&key)),
            9 => {
                let end = key + draw.below(keys);
                assert!(ours.range(key..end).eq(theirs.range(key..end)));
                assert!(
                    ours.range(key..=end)
                        .rev()
                        .eq(theirs.range(key..=end).rev())
                );
                assert!(ours.range(key..).eq(theirs.range(key..)));
                assert!(ours.range(..key).eq(theirs.range(..key)));
            }
            10 => {
                let (upper, expected) = (ours.split_off(&key), theirs.split_off(&key));
                check_equal(&(upper.clone(), expected.clone()));
                check_equal(&(ours.clone(), theirs.clone()));
                ours.extend(upper);
                theirs.extend(expected);
            }
            _ if draw.below(20) == 0 => {
                ours.retain(|key, _| key % 3 > 0);
                theirs.retain(|key, _| key % 3 > 0);
            }
            _ => {
                ours.values_mut().for_each(|value| *value ^= 1);
                theirs.values_mut().for_each(|value| *value ^= 1);
            }
        }
    }

    #[test]
    fn a_map_does_what_the_standard_librarys_does() {
        for (seed, keys) in [(1, 5), (2, 100), (3, 1000), (4, 100_000)] {
            let mut draw = Draw::new(seed, 0, "maps", 0);
            let mut both = Pair::default();
            for _ in 0..4000 {
                step(&mut both, &mut draw, keys);
            }
            check_equal(&both);
            let (ours, theirs) = both;
            assert!(ours.into_iter().rev().eq(theirs.into_iter().rev()));
        }
    }

    #[test]
    fn chunks_are_full_after_keys_in_order() {
        let map: OrdMap<u64, ()> = (0..1000).map(|key| (key, ())).collect();
        assert_eq!(map.chunks.len(), 1000_usize.div_ceil(ROOM));
    }

    #[test]
    fn maps_with_other_chunks_are_equal_and_bytes_are_those_of_the_standard_library() {
        let forwards: OrdMap<u64, u8> = (0..500).map(|key| (key, 7)).collect();
        let backwards: OrdMap<u64, u8> = (0..500).rev().map(|key| (key, 7)).collect();
        assert_ne!(forwards.chunks, backwards.chunks);
        assert_eq!(forwards, backwards);

        let theirs: BTreeMap<u64, u8> = (0..500).map(|key| (key, 7)).collect();
        let bytes = postcard::to_stdvec(&backwards).expect("plain data");
        assert_eq!(bytes, postcard::to_stdvec(&theirs).expect("plain data"));
        assert_eq!(postcard::from_bytes(&bytes), Ok(forwards));
    }

    #[test]
    fn a_set_does_what_the_standard_librarys_does() {
        let numbers = [5_u32, 3, 9, 3, 7];
        let (ours, theirs) = (OrdSet::from(numbers), BTreeSet::from(numbers));
        assert!(ours.iter().eq(theirs.iter()));
        let (fewer, expected) = (OrdSet::from([3, 4]), BTreeSet::from([3, 4]));
        assert!(ours.difference(&fewer).eq(theirs.difference(&expected)));
        let changed = ours.symmetric_difference(&fewer);
        let expected = theirs.symmetric_difference(&expected);
        assert!(changed.into_iter().eq(expected));
        assert!(!fewer.is_subset(&ours) && OrdSet::from([3, 9]).is_subset(&ours));
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));

        let bytes = postcard::to_stdvec(&ours).expect("plain data");
        assert_eq!(bytes, postcard::to_stdvec(&theirs).expect("plain data"));
        assert_eq!(postcard::from_bytes(&bytes), Ok(ours));
    }
}
