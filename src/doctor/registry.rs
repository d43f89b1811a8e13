//! The Schema Registry: it answers and lets us in.

use super::{Line, Lines};
use crate::error::Result;
use crate::ksql::registry::Registry;

const TOPIC: &str = "registry";

/// Adds what is found.
pub(super) async fn look(registry: Result<Option<Registry>>, lines: &mut Lines<'_>) {
    let registry = match registry {
        Ok(Some(registry)) => registry,
        Ok(None) => return,
        Err(error) => return lines.push(Line::of(TOPIC, &error)),
    };
    let types = lines.ask(TOPIC, "the schema registry", registry.check()).await;
    lines.push(match types {
        Ok(types) if types.iter().any(|name| name == "AVRO") => {
            Line::ok(TOPIC, format!("the schema registry answers; it has schemas of {}", types.join(", ")))
        }
        Ok(types) => Line::warn(
            TOPIC,
            format!("the schema registry has no schemas of AVRO, only of {}", types.join(", ")),
            "look whether schema_registry.url is that of the topics' writers",
        ),
        Err(error) => Line::of(TOPIC, &error),
    });
}
