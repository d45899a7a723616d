//! Which lessons there are, in which order: `lessons/course.json`.

use super::LessonError;
use crate::sim::ordered::OrdMap;
use crate::sim::{json, suggest};
use serde::Deserialize;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    pub modules: Vec<Module>,
    /// What the lessons are called, so that a list of them needs none of their files.
    #[serde(default)]
    pub titles: OrdMap<String, String>,
    /// Which lessons should come before one.
    #[serde(default)]
    pub needs: OrdMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    pub id: String,
    pub title: String,
    pub lessons: Vec<String>,
}

/// Where a lesson stands: numbers come from the order, ids never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub module: usize,
    pub lesson: usize,
    pub title: String,
    /// Below `lessons/`.
    pub path: String,
}

impl Module {
    pub fn has(&self, lesson: &str) -> bool {
        self.lessons.iter().any(|known| known == lesson)
    }
}

impl Course {
    /// Reads `lessons/course.json`.
    pub fn parse(file: &str, text: &str) -> Result<Course, LessonError> {
        let error = |line: usize, problem: String| LessonError {
            file: file.to_string(),
            line,
            problem,
        };
        let course: Course = json::parse(text).map_err(|(line, problem)| error(line, problem))?;
        let ids: Vec<&str> = course
            .modules
            .iter()
            .flat_map(|module| &module.lessons)
            .map(String::as_str)
            .collect();
        for (place, id) in ids.iter().enumerate() {
            if ids[..place].contains(id) {
                return Err(error(1, format!("lesson \"{id}\" stands here twice")));
            }
        }
        let needed = |(lesson, needed)| std::iter::once(lesson).chain(needed);
        let needed = course.needs.iter().flat_map(needed).map(|id| ("needs", id));
        let titled = course.titles.keys().map(|id| ("titles", id));
        for (field, id) in needed.chain(titled) {
            if !ids.contains(&id.as_str()) {
                let hint = suggest::did_you_mean(id, ids.iter().copied());
                let problem = format!("{field}: no lesson \"{id}\" in any module{hint}");
                return Err(error(1, problem));
            }
        }
        Ok(course)
    }

    /// Every lesson in its order: its number (`1.2`), its id and what it is called.
    pub fn lessons(&self) -> impl Iterator<Item = (String, &str, String)> {
        self.modules.iter().zip(1..).flat_map(move |(module, m)| {
            let numbered = module.lessons.iter().zip(1..);
            numbered.map(move |(id, n)| (format!("{m}.{n}"), id.as_str(), self.title(id)))
        })
    }

    /// What a lesson is called; its id, if the course does not say.
    pub fn title(&self, id: &str) -> String {
        let title = self.titles.get(id).cloned();
        title.unwrap_or_else(|| id.replace('-', " "))
    }

    /// Where a lesson stands, and where its file lies.
    pub fn place(&self, id: &str, language: &str) -> Option<Place> {
        self.modules.iter().enumerate().find_map(|(index, module)| {
            let lesson = module.lessons.iter().position(|lesson| lesson == id)?;
            Some(Place {
                module: index + 1,
                lesson: lesson + 1,
                title: module.title.clone(),
                path: format!("{language}/{}/{id}.md", module.id),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"modules": [{"id": "guarantees", "title": "Guarantees", "lessons": ["acks", "lost-ack"]}],
        "titles": {"lost-ack": "The lost one"}, "needs": {"lost-ack": ["acks"]}}"#;

    #[test]
    fn a_lesson_has_its_number_from_the_order() {
        let course = Course::parse("course.json", TWO).expect("valid");
        let place = course.place("lost-ack", "en").expect("is there");
        assert_eq!(
            (place.module, place.lesson, place.path.as_str()),
            (1, 2, "en/guarantees/lost-ack.md")
        );
        assert_eq!(course.place("lost", "en"), None);
        let lessons: Vec<_> = course.lessons().collect();
        assert_eq!(
            lessons,
            [
                ("1.1".into(), "acks", "acks".into()),
                ("1.2".into(), "lost-ack", "The lost one".to_string())
            ]
        );
    }

    #[test]
    fn a_needed_lesson_has_to_exist_and_none_stands_twice() {
        let refused = |text: String| {
            Course::parse("course.json", &text)
                .expect_err("wrong")
                .to_string()
        };
        assert_eq!(
            refused(TWO.replace(r#"["acks"]"#, r#"["akcs"]"#)),
            "course.json:1: needs: no lesson \"akcs\" in any module; did you mean \"acks\"?"
        );
        assert!(
            refused(TWO.replace(r#""lost-ack"]}"#, r#""acks"]}"#))
                .contains("\"acks\" stands here twice")
        );
        assert_eq!(
            refused(TWO.replace(r#"{"lost-ack": "The"#, r#"{"lost-akc": "The"#)),
            "course.json:1: titles: no lesson \"lost-akc\" in any module; did you mean \"lost-ack\"?"
        );
        assert!(refused("{}".into()).starts_with("course.json:1: missing field `modules`"));
    }
}
