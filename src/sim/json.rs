//! Typed values out of JSON at hand, and its text.
//!
//! Small to download: a struct's fields are looked up by their names in the order of the struct, as a list of values, so no
//! struct brings code that tells names apart. A field that the struct does not have is always an error. Fractions, which
//! scenarios have none of, are written without the tables of 25 kB that the standard library and `serde_json` have for them.

use super::compact::decimal_text;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _,
    IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde_json::{Map, Value};
use std::fmt::{self, Write as _};

/// Reads a value of a type; the error says what was found and what is expected.
pub fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Problem> {
    T::deserialize(Reader(value))
}

/// Reads a text; the error has its line, counted from 1.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, (usize, String)> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| (error.line(), error.to_string()))?;
    read(&value).map_err(|Problem(problem)| {
        let problem = problem.text;
        // The field that it is about stands where it is written.
        let field = problem.split('`').nth(1).map(|name| format!("\"{name}\""));
        let is_named = |line: &str| field.as_ref().is_some_and(|field| line.contains(field));
        let line = text.lines().position(is_named).unwrap_or(0);
        (line + 1, problem)
    })
}

/// Why a value is not of the type that is read.
///
/// In a box, because every field that is read hands it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Reason>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    text: String,
    /// The field that has to be there and is not, by its place in the struct.
    missing: Option<usize>,
}

impl Problem {
    fn new(text: String) -> Self {
        Problem::of(text, None)
    }

    fn of(text: String, missing: Option<usize>) -> Self {
        Problem(Box::new(Reason { text, missing }))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Problem::new(problem.to_string())
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        let text = format!("invalid length {length}, expected {expected}");
        Problem::of(text, Some(length))
    }

    fn invalid_type(found: Unexpected, expected: &dyn de::Expected) -> Self {
        Problem::new(format!(
            "invalid type: {}, expected {expected}",
            Found(found)
        ))
    }

    fn invalid_value(found: Unexpected, expected: &dyn de::Expected) -> Self {
        Problem::new(format!(
            "invalid value: {}, expected {expected}",
            Found(found)
        ))
    }
}

/// What was found instead, as `serde_json` says it.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Unit => f.write_str("null"),
            Unexpected::Bool(found) => write!(f, "boolean `{found}`"),
            Unexpected::Unsigned(found) => write!(f, "integer `{found}`"),
            Unexpected::Signed(found) => write!(f, "integer `{found}`"),
            Unexpected::Float(found) => {
                let text = fraction_text(found);
                let point = if text.contains(['.', 'e']) { "" } else { ".0" };
                write!(f, "floating point `{text}{point}`")
            }
            Unexpected::Str(found) => write!(f, "string {found:?}"),
            Unexpected::Seq => f.write_str("sequence"),
            _ => f.write_str("map"),
        }
    }
}

/// The text of a value, on one line.
pub struct Text<'a>(pub &'a Value);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => f.write_str(if *value { "true" } else { "false" }),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => whole.fmt(f),
                (_, Some(whole)) => whole.fmt(f),
                _ => f.write_str(&fraction_text(number.as_f64().unwrap_or_default())),
            },
            Value::String(text) => write_quoted(f, text),
            Value::Array(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    f.write_str(if n > 0 { "," } else { "" })?;
                    Text(item).fmt(f)?;
                }
                f.write_str("]")
            }
            Value::Object(fields) => {
                f.write_str("{")?;
                for (n, (key, value)) in fields.iter().enumerate() {
                    f.write_str(if n > 0 { "," } else { "" })?;
                    write_quoted(f, key)?;
                    f.write_str(":")?;
                    Text(value).fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A number that is not whole, or too large for one: `0.5`, `1e20`. A longer one is cut.
fn fraction_text(mut value: f64) -> String {
    let mut zeros = 0;
    while value.abs() >= 1e15 {
        value /= 10.0;
        zeros += 1;
    }
    match zeros {
        0 => decimal_text(value),
        _ => format!("{}e{zeros}", decimal_text(value)),
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\0'..='\x1f' => write!(f, "\\u{:04x}", u32::from(c))?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

struct Reader<'de>(&'de Value);

impl Reader<'_> {
    #[inline(never)]
    fn other(&self, expected: &dyn de::Expected) -> Problem {
        let found = match self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(found) => Unexpected::Bool(*found),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(found), ..) => Unexpected::Unsigned(found),
                (_, Some(found), _) => Unexpected::Signed(found),
                (.., found) => Unexpected::Float(found.unwrap_or_default()),
            },
            Value::String(found) => Unexpected::Str(found),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Problem::invalid_type(found, expected)
    }
}

/// Methods that take a whole number of any size; the visitor says whether it fits.
macro_rules! whole_numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            match self.0.as_u64() {
                Some(number) => visitor.visit_u64(number),
                None => match self.0.as_i64() {
                    Some(number) => visitor.visit_i64(number),
                    None => Err(self.other(&visitor)),
                },
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(_) => self.deserialize_bool(visitor),
            Value::Number(number) => match number.as_f64() {
                Some(found) if number.is_f64() => visitor.visit_f64(found),
                _ => self.deserialize_u64(visitor),
            },
            Value::String(_) => self.deserialize_str(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    whole_numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0.as_bool() {
            Some(found) => visitor.visit_bool(found),
            None => Err(self.other(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0.as_str() {
            Some(found) => visitor.visit_borrowed_str(found),
            None => Err(self.other(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            // A list of the wrong length lacks no field.
            Value::Array(items) => {
                let items = visitor.visit_seq(Items(items.iter()));
                items.map_err(|problem| Problem::new(problem.0.text))
            }
            _ => Err(self.other(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields::of(fields)),
            _ => Err(self.other(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Value::Object(fields) = self.0 else {
            return Err(self.other(&visitor));
        };
        let list = FieldList::of(fields, names)?;
        visitor
            .visit_seq(list)
            .map_err(|problem| named(problem, names))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let variant = match self.0 {
            Value::String(name) => Variant {
                name,
                content: None,
            },
            Value::Object(fields) if fields.len() == 1 => {
                let (name, content) = fields.iter().next().expect("there is one");
                Variant {
                    name,
                    content: Some(content),
                }
            }
            _ => return Err(self.other(&"string or map")),
        };
        visitor.visit_enum(variant)
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any i128 u128
    }
}

struct Items<'de>(std::slice::Iter<'de, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Problem> {
        let next = self.0.next();
        next.map(|item| seed.deserialize(Reader(item))).transpose()
    }
}

/// Other names of fields, each with the name that it stands for. Serde lists them among the fields of a struct and does not
/// tell them apart, so whoever adds a `serde(alias)` adds it here; without that no scenario with this struct is read right.
const OTHER_NAMES: [(&str, &str); 3] = [
    (
        "hoodie.datasource.write.precombine.field",
        "hoodie.table.ordering.fields",
    ),
    (
        "hoodie.cleaner.policy.failed.writes",
        "hoodie.clean.failed.writes.policy",
    ),
    (
        "hoodie.cleaner.commits.retained",
        "hoodie.clean.commits.retained",
    ),
];

/// The names of a struct's fields, without other names.
fn fields_of(names: &'static [&'static str]) -> impl Iterator<Item = &'static &'static str> {
    let is_other = |name: &str| OTHER_NAMES.iter().any(|(other, _)| *other == name);
    names.iter().filter(move |name| !is_other(name))
}

/// The fields of a struct in its own order.
struct FieldList<'de> {
    fields: &'de Map<String, Value>,
    names: &'static [&'static str],
    next: usize,
}

impl<'de> FieldList<'de> {
    fn of(
        fields: &'de Map<String, Value>,
        names: &'static [&'static str],
    ) -> Result<Self, Problem> {
        match fields.keys().find(|key| !names.contains(&key.as_str())) {
            Some(unknown) => Err(Problem::unknown_field(unknown, names)),
            None => Ok(FieldList {
                fields,
                names,
                next: 0,
            }),
        }
    }
}

impl<'de> SeqAccess<'de> for FieldList<'de> {
    type Error = Problem;

    /// Nothing for a field that is left out; the struct goes on with the next one.
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Problem> {
        match self.value() {
            Some(value) => seed.deserialize(Reader(value)).map(Some),
            None => Ok(None),
        }
    }
}

impl<'de> FieldList<'de> {
    fn value(&mut self) -> Option<&'de Value> {
        let name = fields_of(self.names).nth(self.next)?;
        self.next += 1;
        let mut others = OTHER_NAMES.iter().filter(|(_, of)| of == name);
        let by_another = || others.find_map(|(other, _)| self.fields.get(*other));
        self.fields.get(*name).or_else(by_another)
    }
}

/// A missing field by its name.
#[inline(never)]
fn named(problem: Problem, names: &'static [&'static str]) -> Problem {
    match problem.0.missing.and_then(|n| fields_of(names).nth(n)) {
        Some(field) => Problem::missing_field(field),
        None => problem,
    }
}

struct Fields<'de> {
    rest: serde_json::map::Iter<'de>,
    value: &'de Value,
}

impl<'de> Fields<'de> {
    fn of(fields: &'de Map<String, Value>) -> Self {
        Fields {
            rest: fields.iter(),
            value: &Value::Null,
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Problem;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Problem> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = value;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Problem> {
        seed.deserialize(Reader(self.value))
    }
}

/// The key of a field; also a number that stands as one.
struct Key<'de>(&'de str);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u32(number),
            Err(_) => visitor.visit_borrowed_str(self.0),
        }
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A variant: its name alone, or an object of one field.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Problem> {
        let name: StrDeserializer<'_, Problem> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.content {
            None => Ok(()),
            Some(content) => Err(Reader(content).other(&"no value")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Problem> {
        seed.deserialize(Reader(self.content.unwrap_or(&Value::Null)))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        Reader(self.content.unwrap_or(&Value::Null)).deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        Reader(self.content.unwrap_or(&Value::Null)).deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Scenario;
    use serde_json::json;

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        let scenario = Scenario::default().to_value();
        for (name, section) in scenario.as_object().expect("an object") {
            if name == "producer" {
                let ours: crate::sim::kafka::config::ProducerConfig = read(section).expect("valid");
                assert_eq!(serde_json::from_value(section.clone()).ok(), Some(ours));
            }
        }
        let late = json!({"late": {"17": -500}, "orders": 3});
        let workload: crate::sim::scenario::Workload = read(&late).expect("valid");
        assert_eq!(serde_json::from_value(late).ok(), Some(workload));
    }

    #[test]
    fn what_is_refused_is_refused_in_the_same_words() {
        use crate::sim::kafka::config::{BrokerConfig, ProducerConfig};
        for value in [
            json!({"acks": "2"}),
            json!({"acks": 1}),
            json!({"linger.ms": -1}),
            json!({"linger.ms": null}),
            json!({"linger.ms": "5"}),
            json!({"linger.ms": 0.5}),
            json!({"linger.ms": 5.0}),
            json!({"enable.idempotence": 1}),
            json!({"retries": 4_294_967_296_u64}),
            json!({"retrys": 4}),
            json!([1]),
            json!("all"),
        ] {
            let ours = read::<ProducerConfig>(&value).map_err(|problem| problem.to_string());
            let theirs = serde_json::from_value::<ProducerConfig>(value.clone());
            if !value.is_array() {
                assert_eq!(ours, theirs.map_err(|problem| problem.to_string()));
            }
            assert!(ours.is_err() && read::<BrokerConfig>(&value).is_err());
        }
    }

    #[test]
    fn an_error_in_a_text_has_its_line() {
        type Late = crate::sim::scenario::Workload;
        let line = |text: &str| parse::<Late>(text).expect_err("wrong").0;
        assert_eq!(line("{\n  \"orders\": 1,\n  \"order\": 1\n}"), 3);
        assert_eq!(line("{\n  \"orders\": }"), 2);
        assert_eq!(line("[]"), 1);
    }

    #[test]
    fn the_text_is_json() {
        for value in [
            json!({"a": [1, -2, 0.5, true, null], "b\"\\": {"c": "d\n\u{1}é"}}),
            json!([]),
            json!({}),
            json!([1e20, -2.5e15, 1e15, u64::MAX]),
        ] {
            let text = Text(&value).to_string();
            assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
        }
    }
}
