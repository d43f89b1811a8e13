//! The two scales of server versions, and what a server of a version can do.
//!
//! | | stand-alone | Confluent Platform |
//! |---|---|---|
//! | ROWPARTITION, ROWOFFSET, pulls over streams | 0.23.1 | 7.1 |
//! | `/query-stream` over HTTP/1.1 | 0.24 | 7.1 |

/// A server's version on either of its two scales: 0.x (stand-alone) or 5.x and later (Confluent Platform).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    /// As the server spells it.
    pub text: String,
    numbers: Option<[u32; 3]>,
}

impl ServerVersion {
    /// Understands both scales; text that is neither is kept and counts as new.
    pub fn parse(text: &str) -> Self {
        let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        let mut parts = text.trim().trim_start_matches('v').split('.');
        let numbers = match (parts.next().and_then(number), parts.next().and_then(number)) {
            (Some(major), Some(minor)) => Some([major, minor, parts.next().and_then(number).unwrap_or(0)]),
            _ => None,
        };
        Self { text: text.to_owned(), numbers }
    }

    /// Whether the server is at least `stand_alone` or, on the other scale, at least `platform`.
    pub fn at_least(&self, stand_alone: [u32; 3], platform: [u32; 3]) -> bool {
        match self.numbers {
            Some(numbers) if numbers[0] == 0 => numbers >= stand_alone,
            Some(numbers) => numbers >= platform,
            None => true,
        }
    }

    /// ROWPARTITION and ROWOFFSET in push queries without a switch.
    pub fn has_row_offsets(&self) -> bool {
        self.at_least([0, 23, 1], [7, 1, 0])
    }

    /// Pull queries over streams.
    pub fn has_stream_pulls(&self) -> bool {
        self.at_least([0, 23, 1], [7, 1, 0])
    }

    /// `/query-stream` over HTTP/1.1.
    pub fn has_query_stream_over_http1(&self) -> bool {
        self.at_least([0, 24, 0], [7, 1, 0])
    }
}

impl std::fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_scales() {
        for (text, offsets, http1) in [
            ("0.22.0", false, false),
            ("0.23.1", true, false),
            ("0.24.0", true, true),
            ("0.29.0", true, true),
            ("0.29.0-rc1", true, true),
            ("7.0.1", false, false),
            ("7.1.0", true, true),
            ("7.4.15", true, true),
            ("v8.5.0-0", true, true),
            ("10.0", true, true),
            ("a build of ours", true, true),
        ] {
            let version = ServerVersion::parse(text);
            assert_eq!(
                (version.has_row_offsets(), version.has_query_stream_over_http1()),
                (offsets, http1),
                "{text}"
            );
            assert_eq!(version.to_string(), text);
        }
    }
}
