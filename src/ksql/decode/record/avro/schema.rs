//! A writer's schema, taken apart: types that refer to each other by place, as a type may hold itself.

use std::collections::HashMap;

use serde_json::Value;

/// Levels of a schema's text.
const MAX_DEPTH: usize = 100;

/// The writer's types.
#[derive(Debug)]
pub struct AvroSchema {
    types: Vec<Type>,
    root: usize,
    /// Types whose values have no bytes at all.
    empty: Vec<bool>,
}

/// A type; a number is the place of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    String,
    /// With the scale of a decimal.
    Bytes(Option<u32>),
    /// Size in bytes, and the scale of a decimal.
    Fixed(usize, Option<u32>),
    Enum(String, Vec<String>),
    Array(usize),
    Map(usize),
    Record(Record),
    Union(Vec<usize>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Without its namespace.
    pub(super) name: String,
    /// `key` and `value` of a map, which Connect writes as an array of them.
    pub(super) is_entry: bool,
    pub(super) fields: Vec<(String, usize)>,
}

impl AvroSchema {
    /// From the schema's JSON text, and the texts that it refers to, each after those that it refers to itself.
    ///
    /// # Errors
    /// A clause that says what is wrong with the schema.
    pub fn parse(text: &str, references: &[String]) -> Result<Self, String> {
        let mut parser = Parser { types: Vec::new(), names: HashMap::new() };
        for reference in references {
            parser.text(reference)?;
        }
        let root = parser.text(text)?;
        let mut schema = Self { empty: vec![false; parser.types.len()], types: parser.types, root };
        schema.find_empty()?;
        Ok(schema)
    }

    /// The place of the outermost type.
    pub(super) fn root(&self) -> usize {
        self.root
    }

    /// The type at a place.
    pub(super) fn at(&self, place: usize) -> &Type {
        self.types.get(place).unwrap_or(&Type::Null)
    }

    /// Whether values of the type have no bytes.
    pub(super) fn is_empty(&self, place: usize) -> bool {
        self.empty.get(place).copied().unwrap_or(true)
    }

    /// The name of a union's branch, as ksqlDB has it for a member of a STRUCT.
    pub(super) fn branch_name(&self, place: usize) -> &str {
        match self.at(place) {
            Type::Record(record) => &record.name,
            Type::Enum(name, _) => name,
            other => other.name(),
        }
    }

    /// Finds the types without bytes: null, and what is made of nothing else. A record that holds itself outside of any union,
    /// array or map has no values, and is refused.
    fn find_empty(&mut self) -> Result<(), String> {
        // A type has bytes as soon as a part of it has some: what is left is empty.
        let direct = |ty: &Type| match ty {
            Type::Null | Type::Fixed(0, _) => Vec::new(),
            Type::Record(record) => record.fields.iter().map(|(_, place)| *place).collect(),
            _ => vec![usize::MAX],
        };
        let parts: Vec<Vec<usize>> = self.types.iter().map(direct).collect();
        let mut empty = vec![true; parts.len()];
        loop {
            let before = empty.clone();
            for (place, parts) in parts.iter().enumerate() {
                empty[place] = parts.iter().all(|part| before.get(*part).copied().unwrap_or(false));
            }
            if empty == before {
                break;
            }
        }
        self.empty = empty;
        // 0: not seen, 1: on the way, 2: done.
        let mut state = vec![0_u8; parts.len()];
        for start in 0..parts.len() {
            let mut way = vec![(start, 0)];
            while let Some((place, next)) = way.pop() {
                if state[place] == 2 {
                    continue;
                }
                state[place] = 1;
                match parts[place].get(next) {
                    Some(&part) => {
                        way.push((place, next + 1));
                        match state.get(part) {
                            Some(1) => return Err("a record holds itself without end".to_owned()),
                            Some(0) => way.push((part, 0)),
                            _ => {}
                        }
                    }
                    None => state[place] = 2,
                }
            }
        }
        Ok(())
    }
}

impl Type {
    /// As a schema spells it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes(_) => "bytes",
            Self::Fixed(..) => "fixed",
            Self::Enum(..) => "enum",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Record(_) => "record",
            Self::Union(_) => "union",
        }
    }
}

struct Parser {
    types: Vec<Type>,
    /// Full names.
    names: HashMap<String, usize>,
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<usize, String> {
        // A bare name is a schema too, though no JSON text.
        let value = serde_json::from_str(text).or_else(|error| match text.trim() {
            word if word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) => {
                Ok(Value::String(word.to_owned()))
            }
            _ => Err(format!("is no JSON: {error}")),
        })?;
        self.value(&value, "", 0)
    }

    fn add(&mut self, ty: Type) -> usize {
        self.types.push(ty);
        self.types.len() - 1
    }

    fn value(&mut self, value: &Value, namespace: &str, depth: usize) -> Result<usize, String> {
        if depth > MAX_DEPTH {
            return Err(format!("has more than {MAX_DEPTH} levels"));
        }
        match value {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => {
                let branches: Result<Vec<_>, _> =
                    branches.iter().map(|branch| self.value(branch, namespace, depth + 1)).collect();
                Ok(self.add(Type::Union(branches?)))
            }
            Value::Object(object) => match object.get("type") {
                Some(Value::String(word)) => self.object(word, value, namespace, depth),
                Some(inner) => self.value(inner, namespace, depth + 1),
                None => Err("an object has no type".to_owned()),
            },
            _ => Err("a type is neither a name, a union nor an object".to_owned()),
        }
    }

    fn named(&mut self, name: &str, namespace: &str) -> Result<usize, String> {
        if let Some(primitive) = primitive(name, None) {
            return Ok(self.add(primitive));
        }
        let place = self.names.get(&full_name(name, namespace)).or_else(|| self.names.get(name));
        place.copied().ok_or_else(|| format!("names the type {name:?}, which it does not define"))
    }

    fn object(&mut self, word: &str, value: &Value, namespace: &str, depth: usize) -> Result<usize, String> {
        let part = |name: &str| value.get(name).ok_or_else(|| format!("{word} without {name}"));
        match word {
            "array" => {
                let element = self.value(part("items")?, namespace, depth + 1)?;
                Ok(self.add(Type::Array(element)))
            }
            "map" => {
                let values = self.value(part("values")?, namespace, depth + 1)?;
                Ok(self.add(Type::Map(values)))
            }
            "record" | "error" => {
                let (name, full) = self.define(value, namespace)?;
                // The place comes first: its fields may name it.
                let record = Record {
                    is_entry: full == "io.confluent.connect.avro.MapEntry"
                        || value.get("connect.internal.type").and_then(Value::as_str) == Some("MapEntry"),
                    name,
                    fields: Vec::new(),
                };
                let place = self.add(Type::Record(record));
                let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
                self.names.insert(full.clone(), place);
                let mut read = Vec::new();
                for field in part("fields")?.as_array().ok_or("fields that are no array")? {
                    let name = field.get("name").and_then(Value::as_str).ok_or("a field without a name")?;
                    let ty = field.get("type").ok_or_else(|| format!("the field {name:?} has no type"))?;
                    read.push((name.to_owned(), self.value(ty, inner, depth + 1)?));
                }
                if let Some(Type::Record(record)) = self.types.get_mut(place) {
                    record.fields = read;
                }
                Ok(place)
            }
            "enum" => {
                let (name, full) = self.define(value, namespace)?;
                let symbols = part("symbols")?.as_array().ok_or("symbols that are no array")?;
                let symbols: Option<Vec<_>> =
                    symbols.iter().map(|symbol| symbol.as_str().map(str::to_owned)).collect();
                let place = self.add(Type::Enum(name, symbols.ok_or("a symbol that is no text")?));
                self.names.insert(full, place);
                Ok(place)
            }
            "fixed" => {
                let (_, full) = self.define(value, namespace)?;
                let size = part("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("a size that is no number")?;
                let place = self.add(Type::Fixed(size, scale(value)?));
                self.names.insert(full, place);
                Ok(place)
            }
            word => match primitive(word, scale(value)?) {
                Some(ty) => Ok(self.add(ty)),
                None => self.named(word, namespace),
            },
        }
    }

    /// The name of a type that is being defined, alone and with its namespace.
    fn define(&self, value: &Value, around: &str) -> Result<(String, String), String> {
        let name = value.get("name").and_then(Value::as_str).ok_or("a type without a name")?;
        let namespace = value.get("namespace").and_then(Value::as_str).unwrap_or(around);
        let full = full_name(name, namespace);
        if self.names.contains_key(&full) {
            return Err(format!("defines {full:?} twice"));
        }
        Ok((name.rsplit('.').next().unwrap_or(name).to_owned(), full))
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

fn primitive(word: &str, scale: Option<u32>) -> Option<Type> {
    Some(match word {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int,
        "long" => Type::Long,
        "float" => Type::Float,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes(scale),
        _ => return None,
    })
}

/// The scale of a decimal; `None` for what is none.
fn scale(value: &Value) -> Result<Option<u32>, String> {
    let logical = value.get("logicalType").and_then(Value::as_str);
    if !logical.is_some_and(|word| word.eq_ignore_ascii_case("decimal")) {
        return Ok(None);
    }
    match value.get("scale") {
        None => Ok(Some(0)),
        Some(scale) => {
            let scale = scale.as_u64().and_then(|scale| u32::try_from(scale).ok());
            scale.map(Some).ok_or_else(|| "a decimal's scale is no number".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_their_namespace() {
        let text = r#"{"type":"record","name":"R","namespace":"a.b","fields":[
            {"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}},
            {"name":"again","type":["null","E"]},
            {"name":"full","type":"a.b.E"},
            {"name":"next","type":["null","R"]}]}"#;
        let schema = AvroSchema::parse(text, &[]).unwrap();
        let Type::Record(record) = schema.at(schema.root()) else { panic!("{schema:?}") };
        let Type::Union(branches) = schema.at(record.fields[1].1) else { panic!("{schema:?}") };
        assert_eq!(branches[1], record.fields[0].1);
        assert_eq!(record.fields[2].1, record.fields[0].1);
        let Type::Union(branches) = schema.at(record.fields[3].1) else { panic!("{schema:?}") };
        assert_eq!(branches[1], schema.root());
    }

    #[test]
    fn references_define_names() {
        let other = r#"{"type":"record","name":"x.Other","fields":[{"name":"i","type":"int"}]}"#.to_owned();
        let text = r#"{"type":"record","name":"R","fields":[{"name":"o","type":"x.Other"}]}"#;
        assert!(AvroSchema::parse(text, &[other]).is_ok());
        assert!(AvroSchema::parse(text, &[]).unwrap_err().contains("x.Other"));
    }

    #[test]
    fn what_has_no_bytes_is_known_and_what_has_no_end_refused() {
        let text = r#"{"type":"record","name":"R","fields":[
            {"name":"n","type":"null"},{"name":"f","type":{"type":"fixed","name":"F","size":0}}]}"#;
        let schema = AvroSchema::parse(text, &[]).unwrap();
        assert!(schema.is_empty(schema.root()));
        let text = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"int"}]}"#;
        let schema = AvroSchema::parse(text, &[]).unwrap();
        assert!(!schema.is_empty(schema.root()));
        let endless = r#"{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}"#;
        assert!(AvroSchema::parse(endless, &[]).unwrap_err().contains("without end"));
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        let deep = format!("{}\"int\"{}", "[".repeat(200), "]".repeat(200));
        for text in ["", "{", "7", r#"{"type":"record"}"#, r#"{"type":"array"}"#, "nothing", &deep] {
            assert!(AvroSchema::parse(text, &[]).is_err(), "{text}");
        }
        assert!(AvroSchema::parse("string", &[]).is_ok());
        assert!(AvroSchema::parse(r#"{"type":{"type":"string","avro.java.string":"String"}}"#, &[]).is_ok());
    }
}
