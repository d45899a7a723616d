//! The questions to the business, as data: what is asked, why, and what can be answered.
//!
//! A question that a decision can do without has an answer that stands for silence; the others have to be answered where the
//! tree comes to them.

use crate::sim::suggest;
use std::fmt;

/// One question.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    pub id: &'static str,
    pub ask: &'static str,
    /// Why it is asked: what hangs on it.
    pub why: &'static str,
    pub choices: &'static [Choice],
    /// The answer of who says nothing; none where an answer is needed.
    pub otherwise: Option<&'static str>,
}

/// One answer to a question.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: &'static str,
    pub says: &'static str,
}

const fn choice(value: &'static str, says: &'static str) -> Choice {
    Choice { value, says }
}

/// All of them, in the order in which they are asked. The last is the only one that is not for the business.
pub const QUESTIONS: &[Question] = &[
    Question {
        id: "missing",
        ask: "What does one missing event cost? Is there a rate you would not notice?",
        why: "Whoever can do without some events need not pay for keeping all of them.",
        choices: &[
            choice("nothing", "nothing worth naming"),
            choice("some", "nothing, as long as only a small share is missing"),
            choice("money", "each one costs money, trust or a rule"),
        ],
        otherwise: None,
    },
    Question {
        id: "doubled",
        ask: "What does one doubled event cost? Can it be undone before anybody sees it?",
        why: "After a failure a sender either sends again or gives up: what is not lost may be doubled.",
        choices: &[
            choice("nothing", "nothing worth naming"),
            choice(
                "removed",
                "nothing, because every reader removes copies anyway",
            ),
            choice("money", "it is billed, paid or counted twice"),
        ],
        otherwise: None,
    },
    Question {
        id: "id",
        ask: "Does every event carry an id made before the first retry could happen?",
        why: "Two copies can only be told from two events by an id that both copies share.",
        choices: &[
            choice("before", "yes, made by the business before the first send"),
            choice("attempt", "an id is made, but at each attempt anew"),
            choice("none", "no"),
        ],
        otherwise: None,
    },
    Question {
        id: "sink",
        ask: "Where does the result go: can that overwrite by key, or take part in a transaction?",
        why: "A guarantee ends where the result is seen. What the sink cannot do, no setting before it can make up for.",
        choices: &[
            choice(
                "table",
                "a Hudi table: overwrites by key, remembers batches",
            ),
            choice(
                "database",
                "a database: overwrites by key, has transactions of its own",
            ),
            choice(
                "topic",
                "another Kafka topic: takes part in Kafka's transactions",
            ),
            choice(
                "keyed",
                "a service that takes a key and ignores what it has seen",
            ),
            choice("effect", "a mail, a call, a print: done is done"),
        ],
        otherwise: None,
    },
    Question {
        id: "replace",
        ask: "Do later events of a key replace earlier ones? Which field says \"later\"?",
        why: "Events of one key can arrive out of order, and then the last to arrive is not the newest.",
        choices: &[
            choice("no", "no, an event is never changed"),
            choice("field", "yes, and a field says which of two is later"),
            choice("unclear", "yes, and no field says which is later"),
        ],
        otherwise: None,
    },
    Question {
        id: "fresh",
        ask: "How fresh must the result be (P95, from event time to visible)?",
        why: "Each batch, checkpoint and transaction is a time to wait; shorter ones cost more of them.",
        choices: &[
            choice("second", "about a second"),
            choice("seconds", "some ten seconds"),
            choice("minutes", "minutes"),
        ],
        otherwise: Some("seconds"),
    },
    Question {
        id: "late",
        ask: "How late may an event be and still count? What happens to later ones?",
        why: "Sums over time have to be closed at some point, and a watermark drops what comes after.",
        choices: &[
            choice("any", "it always counts: nothing is summed up by time"),
            choice("drop", "a second; later ones are dropped"),
            choice(
                "side",
                "a second; later ones are kept apart and corrected later",
            ),
        ],
        otherwise: Some("any"),
    },
    Question {
        id: "refuse",
        ask: "May the source be refused for a while, or must it always be accepted?",
        why: "With too few replicas in sync a topic either refuses or risks what it accepts.",
        choices: &[
            choice("yes", "it may be refused: the caller is told"),
            choice(
                "no",
                "it must be accepted: the application keeps it and sends it again",
            ),
        ],
        otherwise: Some("yes"),
    },
    Question {
        id: "replay",
        ask: "How far back must you be able to replay?",
        why: "The topic is what a repaired pipeline is fed from again, for as long as it keeps events.",
        choices: &[
            choice("day", "a day"),
            choice("week", "a week"),
            choice("year", "a year"),
        ],
        otherwise: Some("week"),
    },
    Question {
        id: "readers",
        ask: "Who reads your output, as a table or as a change feed?",
        why: "A table that overwrites shows one row; a feed of its changes shows every rewrite.",
        choices: &[
            choice("table", "queries on its state"),
            choice("feed", "readers of its changes, one after the other"),
        ],
        otherwise: Some("table"),
    },
    Question {
        id: "engine",
        ask: "What does the work between topic and sink?",
        why: "The settings have other names in each. This one is for the engineers.",
        choices: &[
            choice("spark", "Spark Structured Streaming"),
            choice("flink", "Flink"),
            choice("consumer", "a plain consumer"),
        ],
        otherwise: None,
    },
];

impl Question {
    pub fn find(id: &str) -> Option<&'static Question> {
        QUESTIONS.iter().find(|question| question.id == id)
    }

    pub fn choice(&self, value: &str) -> Option<&'static Choice> {
        let known = Question::find(self.id)?;
        known.choices.iter().find(|choice| choice.value == value)
    }

    /// What would be accepted, in a list.
    pub fn accepted(&self) -> String {
        let values: Vec<&str> = self.choices.iter().map(|choice| choice.value).collect();
        values.join(", ")
    }
}

/// Answers that no decision follows from: the question, and what is wrong with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As a terminal has it: `missing`, or `billing.missing`.
    pub question: String,
    pub problem: String,
}

impl Refused {
    pub fn new(question: impl Into<String>, problem: impl Into<String>) -> Refused {
        Refused {
            question: question.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.question, self.problem)
    }
}

impl std::error::Error for Refused {}

/// What was answered for one segment of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Empty if there is only one.
    pub name: String,
    /// The segment whose output it reads; none: the topic.
    pub from: Option<String>,
    /// In the order of the questions.
    answers: Vec<(&'static str, &'static str)>,
}

impl Case {
    pub fn new(name: &str) -> Case {
        Case {
            name: name.into(),
            ..Case::default()
        }
    }

    /// What was answered, or what stands for silence.
    pub fn get(&self, id: &str) -> Option<&'static str> {
        self.given(id)
            .or_else(|| Question::find(id).and_then(|question| question.otherwise))
    }

    /// What was answered.
    pub fn given(&self, id: &str) -> Option<&'static str> {
        let found = self.answers.iter().find(|(known, _)| *known == id);
        found.map(|(_, value)| *value)
    }

    pub fn is(&self, id: &str, value: &str) -> bool {
        self.get(id) == Some(value)
    }

    /// The question as this case calls it.
    pub fn key(&self, id: &str) -> String {
        match self.name.as_str() {
            "" => id.to_string(),
            name => format!("{name}.{id}"),
        }
    }

    /// Answers a question, once more if need be.
    ///
    /// # Errors
    ///
    /// An unknown question or an answer that it does not have.
    pub fn answer(&mut self, id: &str, value: &str) -> Result<(), Refused> {
        let Some(question) = Question::find(id) else {
            let known = || QUESTIONS.iter().map(|question| question.id);
            let list: Vec<&str> = known().chain(["from"]).collect();
            let hint = suggest::did_you_mean(id, known());
            return Err(Refused::new(
                self.key(id),
                format!("no such question{hint} Accepted: {}", list.join(", ")),
            ));
        };
        let Some(choice) = question.choice(value) else {
            let hint = suggest::did_you_mean(value, question.choices.iter().map(|c| c.value));
            return Err(Refused::new(
                self.key(id),
                format!(
                    "\"{value}\" is no answer to \"{}\"{hint} Accepted: {}",
                    question.ask,
                    question.accepted()
                ),
            ));
        };
        self.answers.retain(|(known, _)| *known != question.id);
        self.answers.push((question.id, choice.value));
        let place = |id: &str| QUESTIONS.iter().position(|question| question.id == id);
        self.answers.sort_by_key(|(id, _)| place(id));
        Ok(())
    }

    /// Takes an answer back.
    pub fn forget(&mut self, id: &str) {
        self.answers.retain(|(known, _)| *known != id);
    }

    pub fn answers(&self) -> &[(&'static str, &'static str)] {
        &self.answers
    }

    /// What an unanswered question is refused with.
    pub fn missing(&self, id: &'static str) -> Refused {
        let question = Question::find(id).expect("the tree asks questions that exist");
        Refused::new(
            self.key(id),
            format!(
                "not answered: \"{}\" Accepted: {}",
                question.ask,
                question.accepted()
            ),
        )
    }

    /// The answer to a question that has to be answered.
    pub fn needs(&self, id: &'static str) -> Result<&'static str, Refused> {
        self.get(id).ok_or_else(|| self.missing(id))
    }
}

/// Answers as `KEY=VALUE`, with the segment's name and a dot before the key where there are several: `billing.missing=money`.
/// The first segment named is the main one.
///
/// # Errors
///
/// What is no answer, or answered twice in two ways.
pub fn cases<'a>(answers: impl IntoIterator<Item = &'a str>) -> Result<Vec<Case>, Refused> {
    let mut cases: Vec<Case> = Vec::new();
    for answer in answers {
        let Some((key, value)) = answer.split_once('=') else {
            return Err(Refused::new(
                answer,
                "an answer is KEY=VALUE, such as missing=money or billing.missing=money",
            ));
        };
        let (name, id) = key.rsplit_once('.').unwrap_or(("", key));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.chars().all(plain) || name == "main" {
            return Err(Refused::new(
                key,
                format!(
                    "\"{name}\" names no segment; lower-case letters, digits and dashes are accepted, and main is taken"
                ),
            ));
        }
        let index = cases.iter().position(|case| case.name == name);
        let index = index.unwrap_or_else(|| {
            cases.push(Case::new(name));
            cases.len() - 1
        });
        let case = &mut cases[index];
        if id == "from" {
            case.from = Some(value.into());
            continue;
        }
        if let Some(before) = case.given(id).filter(|before| *before != value) {
            return Err(Refused::new(
                key,
                format!("answered twice, \"{before}\" and \"{value}\"; give one of them"),
            ));
        }
        case.answer(id, value)?;
    }
    let named = cases.iter().any(|case| !case.name.is_empty());
    if let Some(unnamed) = cases.iter().find(|case| case.name.is_empty() && named) {
        let (id, value) = unnamed.answers.first().copied().unwrap_or(("from", ""));
        return Err(Refused::new(
            id,
            format!(
                "\"{id}={value}\" names no segment although others do; accepted is NAME.{id}={value}"
            ),
        ));
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(answers: &[&str]) -> String {
        cases(answers.iter().copied())
            .expect_err("should be refused")
            .to_string()
    }

    #[test]
    fn questions_and_answers_are_named_once() {
        for (index, question) in QUESTIONS.iter().enumerate() {
            let later = &QUESTIONS[index + 1..];
            assert!(later.iter().all(|other| other.id != question.id));
            for (index, choice) in question.choices.iter().enumerate() {
                let later = &question.choices[index + 1..];
                assert!(later.iter().all(|other| other.value != choice.value));
            }
            if let Some(otherwise) = question.otherwise {
                assert!(question.choice(otherwise).is_some(), "{}", question.id);
            }
            assert!(question.ask.ends_with('?') && question.why.ends_with('.'));
        }
    }

    #[test]
    fn a_wrong_answer_names_the_question_the_value_and_what_is_accepted() {
        let text = refusal(&["missing=mony"]);
        assert!(
            text.starts_with("missing: \"mony\" is no answer to"),
            "{text}"
        );
        assert!(text.contains("did you mean \"money\"?"), "{text}");
        assert!(text.ends_with("Accepted: nothing, some, money"), "{text}");
        let text = refusal(&["billing.mising=money"]);
        assert!(
            text.starts_with("billing.mising: no such question"),
            "{text}"
        );
        assert!(text.contains("did you mean \"missing\"?"), "{text}");
        assert!(refusal(&["missing"]).contains("KEY=VALUE"));
        assert!(refusal(&["missing=money", "missing=some"]).contains("answered twice"));
        assert!(refusal(&["missing=money", "billing.missing=some"]).contains("names no segment"));
    }
}
