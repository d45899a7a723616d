//! "Did you mean": the nearest of the words that would have been accepted.

/// `; did you mean "acks"?`, or nothing where no known word is near.
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|word| (distance(found, word), word))
        .min();
    match nearest {
        Some((far, word)) if far <= 2.max(found.len() / 3) => format!("; did you mean \"{word}\"?"),
        _ => String::new(),
    }
}

/// Levenshtein's distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_a_far_one_is_not() {
        assert_eq!(
            did_you_mean("acsk", ["acks", "retries"]),
            "; did you mean \"acks\"?"
        );
        assert_eq!(did_you_mean("colour", ["acks", "retries"]), "");
    }
}
