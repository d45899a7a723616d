//! The queries that an auditor starts from. They are text in `lessons/queries.sql`, so that a course can change them.

/// A query with its name and its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// `E1`.
    pub name: &'static str,
    pub asks: &'static str,
    pub sql: &'static str,
}

const TEXT: &str = include_str!("../../lessons/queries.sql");

/// All of them, in order. Each begins with a line `-- NAME: question` and ends before the next empty line.
pub fn all() -> Vec<Query> {
    let parts = TEXT.split("\n\n").map(str::trim);
    let query = |part: &'static str| {
        let (first, sql) = part.split_once('\n')?;
        let (name, asks) = first.strip_prefix("-- ")?.split_once(": ")?;
        Some(Query { name, asks, sql })
    };
    parts.filter_map(query).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_has_a_name_a_question_and_an_end() {
        let all = all();
        let parts = TEXT.split("\n\n").filter(|part| !part.trim().is_empty());
        assert_eq!(all.len(), parts.count());
        for (n, query) in all.iter().enumerate() {
            assert!(query.asks.ends_with('?'), "{}", query.name);
            assert!(query.sql.ends_with(';'), "{}", query.name);
            assert!(all[..n].iter().all(|one| one.name != query.name));
        }
    }
}
