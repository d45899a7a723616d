//! A task in SQL, checked by what a query finds and not by how it is written.

use super::check::Expr;

/// What has to be written, and what it is held against. All of it runs over the tables of one run, at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// What the learner begins from.
    pub begin: String,
    /// A query that is right.
    pub model: String,
    /// Queries that are close and wrong; the tests see that they find something else.
    pub wrong: Vec<String>,
    /// What has to be looked at afterwards, if the task is to change the tables.
    pub then: Option<String>,
    /// How many rows are found, from the ledger of the run: so the model answer is held against something as well.
    pub rows: Expr,
    pub source: String,
}

/// The rows that a query found, every value as text. NULL is nothing.
pub type Rows = [Vec<Option<String>>];

/// Why what was found is not the answer; nothing if it is. The order of the rows and the names of the columns do not count.
pub fn difference(found: &Rows, wanted: &Rows) -> Option<String> {
    let Some(width) = wanted.first().map(Vec::len) else {
        return Some(
            "in this run there is nothing to be found: go back to the step's own scenario".into(),
        );
    };
    if let Some(other) = found.iter().map(Vec::len).find(|&other| other != width) {
        return Some(format!(
            "the answer has {}, yours has {other}",
            several(width, "column")
        ));
    }
    // A row found is taken out of what is wanted, so copies count.
    let mut missing: Vec<&Vec<Option<String>>> = wanted.iter().collect();
    let mut surplus = 0;
    for row in found {
        match missing.iter().position(|other| *other == row) {
            Some(at) => {
                missing.swap_remove(at);
            }
            None => surplus += 1,
        }
    }
    if missing.is_empty() && surplus == 0 {
        return None;
    }
    let counts = format!(
        "your query finds {}, the answer has {}",
        several(found.len(), "row"),
        several(wanted.len(), "row")
    );
    Some(match (missing.len(), surplus) {
        (0, surplus) => format!("{counts}: {surplus} too many"),
        (missing, 0) => format!("{counts}: {missing} missing"),
        (missing, surplus) => {
            format!("{counts}: {missing} missing, and {surplus} that do not belong there")
        }
    })
}

fn several(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<Option<String>>> {
        let cell = |cell: &str| (cell != "-").then(|| cell.to_string());
        let row = |row: &str| row.split(' ').map(cell).collect();
        text.lines().map(row).collect()
    }

    #[test]
    fn rows_in_another_order_are_the_same_answer_and_copies_count() {
        let wanted = rows("17 2\n4 -\n4 -");
        assert_eq!(difference(&rows("4 -\n17 2\n4 -"), &wanted), None);
        for (found, problem) in [
            (
                "17 2\n4 -",
                "your query finds 2 rows, the answer has 3 rows: 1 missing",
            ),
            (
                "17 2\n4 -\n4 -\n4 -",
                "your query finds 4 rows, the answer has 3 rows: 1 too many",
            ),
            (
                "",
                "your query finds no row, the answer has 3 rows: 3 missing",
            ),
            ("17\n4\n4", "the answer has 2 columns, yours has 1"),
            (
                "17 2\n4 0\n4 -",
                "your query finds 3 rows, the answer has 3 rows: 1 missing, and 1 that do not belong there",
            ),
        ] {
            assert_eq!(
                difference(&rows(found), &wanted).as_deref(),
                Some(problem),
                "{found}"
            );
        }
    }

    #[test]
    fn where_there_is_nothing_to_be_found_nothing_is_no_answer() {
        assert!(difference(&[], &[]).is_some_and(|problem| problem.contains("go back")));
    }
}
