//! One search over lessons, glossary, settings and scenarios.
//!
//! A document is found if every word of the query is in it, at least as a part of a word. Upper and lower case and marks over
//! letters make no difference. The same query over the same course gives the same hits in the same order.

use super::glossary::{Glossary, Term};
use super::{Block, Inline, Lesson, Part, Step};
use crate::sim::compact::sort_by_rank;
use crate::sim::{catalog, control};

/// What is searched beside settings and scenarios, which are in the program.
#[derive(Clone, Copy, Default)]
pub struct Corpus<'a> {
    /// By their ids, in the order of the course.
    pub lessons: &'a [(String, Lesson)],
    pub glossary: Option<&'a Glossary>,
}

/// Where a hit leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The lesson's id and the step, counted from 0.
    Lesson {
        id: String,
        step: usize,
    },
    Term(String),
    /// The key of a control.
    Setting(&'static str),
    /// The id of a preset.
    Scenario(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub place: Place,
    pub title: String,
    /// What stands around the first word found, or the beginning.
    pub excerpt: String,
    /// The higher the better; only to be compared within one search.
    pub rank: u32,
}

impl Place {
    /// The kind as a word, for headings.
    pub fn kind(&self) -> &'static str {
        match self {
            Place::Lesson { .. } => "lesson",
            Place::Term(_) => "term",
            Place::Setting(_) => "setting",
            Place::Scenario(_) => "scenario",
        }
    }
}

/// The best hits, at most so many. Equally good ones come as terms, lessons, settings and scenarios, each in its own order.
pub fn search(corpus: Corpus, query: &str, most: usize) -> Vec<Hit> {
    let Some(query) = Query::of(query) else {
        return Vec::new();
    };
    let terms = corpus.glossary.iter().flat_map(|glossary| &glossary.terms);
    let terms = terms.filter_map(|term| query.hit(Place::Term(term.term.clone()), &of_term(term)));
    let lessons = corpus
        .lessons
        .iter()
        .filter_map(|(id, lesson)| best_step(&query, id, lesson));
    let settings = control::CONTROLS.iter().filter_map(|control| {
        let document = Document {
            title: control.key.into(),
            other_titles: String::new(),
            body: format!("{} {} {}", control.plain, control.risk, control.group),
        };
        query.hit(Place::Setting(control.key), &document)
    });
    let scenarios = catalog::all().iter().filter_map(|preset| {
        let about = preset.mistake().map(|mistake| mistake.about);
        let document = Document {
            title: preset.title(),
            other_titles: preset.id.into(),
            body: format!("{} {}", about.unwrap_or_default(), preset.group),
        };
        query.hit(Place::Scenario(preset.id), &document)
    });
    let mut hits: Vec<Hit> = terms.chain(lessons).collect();
    for hit in settings.chain(scenarios) {
        // Engines have settings of one name: one hit for both.
        if !hits.iter().any(|known| known.place == hit.place) {
            hits.push(hit);
        }
    }
    // Stable: what is equally good stays in this order.
    sort_by_rank(&mut hits, |hit| (u64::from(u32::MAX - hit.rank), 0));
    hits.truncate(most);
    hits
}

/// How well a term fits, or nothing if it does not.
pub(super) fn rank(term: &Term, query: &str) -> Option<u32> {
    Query::of(query)?.rank(&of_term(term))
}

struct Document {
    title: String,
    /// Names that count as much and are not shown.
    other_titles: String,
    body: String,
}

fn of_term(term: &Term) -> Document {
    Document {
        title: term.term.clone(),
        other_titles: term.also.join(" "),
        body: plain(&term.text),
    }
}

/// A lesson is one hit: the step that fits best, the earliest of equals.
fn best_step(query: &Query, id: &str, lesson: &Lesson) -> Option<Hit> {
    let hits = lesson.steps.iter().enumerate().filter_map(|(step, found)| {
        let document = Document {
            title: lesson.title.clone(),
            other_titles: found.heading.clone(),
            body: text_of(found),
        };
        let id = id.to_string();
        query.hit(Place::Lesson { id, step }, &document)
    });
    hits.reduce(|best, hit| if hit.rank > best.rank { hit } else { best })
}

/// What a learner reads in a step, without the answers of its questions.
fn text_of(step: &Step) -> String {
    let mut text = String::new();
    let mut add = |more: &str| {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(more);
    };
    for part in &step.parts {
        match part {
            Part::Text(block) => add(&of_block(block)),
            Part::Ask(ask) => add(&ask.ask),
            Part::Glossary(terms) => terms.iter().for_each(|(term, says)| {
                add(term);
                add(says);
            }),
            Part::Patch(_) | Part::Task(_) | Part::Plot(_) | Part::Notes(_) => {}
        }
    }
    text
}

pub(super) fn of_block(block: &Block) -> String {
    match block {
        Block::Paragraph(inlines) => plain(inlines),
        Block::List { items, .. } => {
            let items = items.iter().flatten().map(of_block);
            items.collect::<Vec<_>>().join(" ")
        }
        Block::Code(text) => text.clone(),
    }
}

/// The words of a text without its form.
pub(super) fn plain(inlines: &[Inline]) -> String {
    let words = inlines.iter().map(|inline| match inline {
        Inline::Text(text) | Inline::Code(text) => text.clone(),
        Inline::Emphasis(inner)
        | Inline::Strong(inner)
        | Inline::Link { text: inner, .. }
        | Inline::Claim { text: inner, .. } => plain(inner),
    });
    words.collect()
}

/// The words that are looked for, folded.
struct Query(Vec<Vec<char>>);

/// How a word is found in a text: the better ones last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Inside,
    Beginning,
    Whole,
}

impl Query {
    fn of(text: &str) -> Option<Query> {
        let words = text.split_whitespace().map(|word| Folded::of(word).chars);
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(Query(words))
    }

    fn hit(&self, place: Place, document: &Document) -> Option<Hit> {
        Some(Hit {
            rank: self.rank(document)?,
            place,
            title: document.title.clone(),
            excerpt: excerpt(&document.body, &self.0),
        })
    }

    /// Every word counts where it is found best.
    fn rank(&self, document: &Document) -> Option<u32> {
        let titles = [&document.title, &document.other_titles].map(|title| Folded::of(title));
        let body = Folded::of(&document.body);
        let of_word = |word: &Vec<char>| {
            let in_title = titles.iter().filter_map(|title| title.find(word)).max();
            let title = in_title.map(|(found, _)| match found {
                Found::Whole => 12,
                Found::Beginning => 8,
                Found::Inside => 4,
            });
            let body = body.find(word).map(|(found, _)| match found {
                Found::Whole => 3,
                Found::Beginning => 2,
                Found::Inside => 1,
            });
            title.max(body)
        };
        let ranks: Option<Vec<u32>> = self.0.iter().map(of_word).collect();
        let ranks: u32 = ranks?.into_iter().sum();
        // The name itself, and nothing else.
        let whole: Vec<char> = self.0.join(&' ');
        let is_title = titles.iter().any(|title| title.chars == whole);
        Some(ranks + if is_title { 20 } else { 0 })
    }
}

/// A text as it is compared, and where each of its characters stands in the original.
struct Folded {
    chars: Vec<char>,
    at: Vec<usize>,
}

impl Folded {
    fn of(text: &str) -> Folded {
        let mut folded = Folded {
            chars: Vec::new(),
            at: Vec::new(),
        };
        for (at, letter) in text.char_indices() {
            let mut put = |letter| {
                folded.chars.push(letter);
                folded.at.push(at);
            };
            let letter = small(letter);
            match without_mark(letter) {
                Some(plain) => plain.chars().for_each(put),
                None if ('\u{300}'..='\u{36f}').contains(&letter) => {}
                None => put(letter),
            }
        }
        folded
    }

    /// Where a word is found best, and its first such place.
    fn find(&self, word: &[char]) -> Option<(Found, std::cmp::Reverse<usize>)> {
        let starts = self.chars.windows(word.len()).enumerate();
        let starts = starts.filter(|(_, window)| *window == word);
        let found = starts.map(|(start, _)| {
            let is_word = |at: Option<usize>| {
                let letter = at.and_then(|at| self.chars.get(at));
                letter.is_some_and(|letter| letter.is_alphanumeric())
            };
            let found = match (
                is_word(start.checked_sub(1)),
                is_word(Some(start + word.len())),
            ) {
                (true, _) => Found::Inside,
                (false, true) => Found::Beginning,
                (false, false) => Found::Whole,
            };
            (found, std::cmp::Reverse(start))
        });
        found.max()
    }
}

/// The small letter of a Latin, Greek or Cyrillic one. The standard library's table for all scripts is a download of its own.
fn small(letter: char) -> char {
    let code = u32::from(letter);
    let further = match letter {
        'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ' | 'Α'..='Ρ' | 'Σ'..='Ω' | 'А'..='Я' => 32,
        'Ѐ'..='Џ' => 80,
        'Ā'..='ķ' | 'Ŋ'..='ŷ' if code.is_multiple_of(2) => 1,
        'Ĺ'..='ň' | 'Ź'..='ž' if !code.is_multiple_of(2) => 1,
        'Ÿ' => return 'ÿ',
        _ => 0,
    };
    char::from_u32(code + further).unwrap_or(letter)
}

/// A small letter with a mark, without it.
fn without_mark(letter: char) -> Option<&'static str> {
    Some(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' => "s",
        'ß' => "ss",
        'ţ' | 'ť' => "t",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

/// How many characters stand before and behind what was found.
const AROUND: [usize; 2] = [40, 100];

fn excerpt(text: &str, words: &[Vec<char>]) -> String {
    let folded = Folded::of(text);
    let places = words.iter().filter_map(|word| folded.find(word));
    let first = places.map(|(_, std::cmp::Reverse(at))| at).min();
    let first = first.map_or(0, |at| folded.at[at]);
    let before = text[..first].char_indices().rev();
    let from = before.take(AROUND[0]).last().map_or(0, |(at, _)| at);
    let behind = text[first..].char_indices().nth(AROUND[1]);
    let to = behind.map_or(text.len(), |(at, _)| first + at);
    // At the edges of words.
    let from = match text[..from].is_empty() {
        true => 0,
        false => text[from..first].find(' ').map_or(from, |at| from + at + 1),
    };
    let to = match text[to..].is_empty() {
        true => to,
        false => text[first..to].rfind(' ').map_or(to, |at| first + at),
    };
    let mark = |cut: bool| if cut { "…" } else { "" };
    let (cut_before, cut_behind) = (mark(from > 0), mark(to < text.len()));
    format!("{cut_before}{}{cut_behind}", text[from..to].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LESSON: &str = "# The lost acknowledgement\n\n```lesson\n{\"scenario\": \"order-billing\"}\n```\n\n\
        ## scene: A café at night\n\nOrders of a Café. Zażółć gęślą jaźń, Straße.\n\n\
        ## quiz: Which one?\n\n```ask\n{\"id\": \"q\", \"kind\": \"text\", \"ask\": \"Why zebras?\", \"model\": \"Because of okapis.\"}\n```\n";
    const TERMS: &str = "# Glossary\n\n## watermark\n\n- of: general\n- lesson: lost-ack\n- also: event-time watermark\n\nA promise that nothing older will come.\n\n\
        ## late\n\n- of: general\n- lesson: lost-ack\n\nBehind the watermark.\n";

    fn found(query: &str) -> Vec<Hit> {
        let lesson = Lesson::parse("l.md", LESSON).unwrap_or_else(|error| panic!("{error}"));
        let glossary = Glossary::parse(TERMS).unwrap_or_else(|error| panic!("{error}"));
        let corpus = Corpus {
            lessons: &[("lost-ack".to_string(), lesson)],
            glossary: Some(&glossary),
        };
        search(corpus, query, 20)
    }

    fn places(query: &str) -> Vec<Place> {
        found(query).into_iter().map(|hit| hit.place).collect()
    }

    fn step(step: usize) -> Place {
        let id = "lost-ack".to_string();
        Place::Lesson { id, step }
    }

    #[test]
    fn a_name_comes_first_and_what_mentions_it_later() {
        let hits = found("watermark");
        assert_eq!(hits[0].place, Place::Term("watermark".into()));
        let late = Place::Term("late".into());
        assert!(hits[1..].iter().any(|hit| hit.place == late), "{hits:?}");
        assert_eq!(
            places("enable.idempotence")[0],
            Place::Setting("enable.idempotence")
        );
        assert_eq!(places("acks-one")[0], Place::Scenario("acks-one"));
        assert_eq!(places("lost acknowledgement")[0], step(0));
        assert_eq!(
            places("EVENT-time WATERMARK")[0],
            Place::Term("watermark".into())
        );
    }

    #[test]
    fn case_and_marks_make_no_difference_and_every_word_has_to_be_there() {
        for query in [
            "cafe",
            "CAFÉ",
            "cafe\u{301}",
            "zazolc gesla jazn",
            "STRASSE",
            "ZAŻÓŁĆ",
            "straße night",
        ] {
            assert_eq!(places(query)[0], step(0), "{query}");
        }
        assert!(!places("café zebras").contains(&step(0)));
        assert_eq!(places("zebras"), [step(1)]);
        // Answers are not given away.
        assert_eq!(places("okapis"), []);
        for nothing in ["", "  ", "\u{301}", "xyzzy"] {
            assert_eq!(places(nothing), [], "{nothing:?}");
        }
    }

    #[test]
    fn the_excerpt_shows_what_was_found_and_is_cut_between_words() {
        let hit = &found("jazn")[0];
        assert_eq!(hit.excerpt, "Orders of a Café. Zażółć gęślą jaźń, Straße.");
        let long = format!("{} needle {}", "before ".repeat(30), "behind ".repeat(30));
        let cut = excerpt(&long, &[Folded::of("NEEDLE").chars]);
        assert!(
            cut.starts_with("…before ") && cut.ends_with(" behind…"),
            "{cut}"
        );
        assert!(
            cut.contains(" needle ") && cut.chars().count() < 150,
            "{cut}"
        );
        let wide = "ü".repeat(300);
        assert!(excerpt(&wide, &[vec!['u']]).ends_with('…'));
    }

    #[test]
    fn the_same_search_gives_the_same_hits_and_no_more_than_wanted() {
        let all = found("the");
        assert!(all.len() == 20 && all == found("the"));
        assert!(all.windows(2).all(|pair| pair[0].rank >= pair[1].rank));
        // A setting that two engines have is one hit.
        let delay = Place::Setting("watermark.delay");
        let hits = places("watermark.delay");
        assert_eq!(hits.iter().filter(|place| **place == delay).count(), 1);
        let every = ["lesson", "term", "setting", "scenario"];
        let kinds: Vec<&str> = [
            found("zebras"),
            found("late"),
            found("acks-one"),
            found("acks"),
        ]
        .concat()
        .iter()
        .map(|hit| hit.place.kind())
        .collect();
        assert!(every.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    }
}
