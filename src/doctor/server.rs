//! The server: reached, new enough, lets us in, and keeps the same time.

use chrono::{DateTime, Utc};

use super::{Level, Line, Lines};
use crate::config::Config;
use crate::ksql::client::Client;

/// A clock that is off by more than this is told.
const SKEW_SECONDS: i64 = 30;

/// Adds what is found; gives whether the server answers.
pub(super) async fn look(
    config: &Config,
    client: &Client,
    now: DateTime<Utc>,
    lines: &mut Lines<'_>,
) -> bool {
    let url = &config.server.url;
    let info = match lines.ask("server", &format!("the server at {url}"), client.info()).await {
        Ok(info) => info,
        Err(error) => {
            lines.push(Line::of("server", &error));
            return false;
        }
    };
    let version = &info.version.text;
    lines.push(match info.status.as_str() {
        "" | "RUNNING" => Line::ok("server", format!("ksqlDB {version} answers at {}", config.server.url)),
        other => Line::warn(
            "server",
            format!("ksqlDB {version} answers at {} and says that it is {other}", config.server.url),
            "look at the server's log",
        ),
    });
    lines.push(if info.version.has_row_offsets() && info.version.has_query_stream_over_http1() {
        Line::ok("version", "queries tell offsets, and answers are streamed over HTTP/1.1")
    } else {
        Line::fail(
            "version",
            format!("ksqlDB {version} has no offsets in queries over HTTP/1.1"),
            "0.24 (Confluent Platform 7.1) or later is needed",
        )
    });
    if let Ok(health) = lines.ask("brokers", "the server's health check", client.health()).await {
        lines.push(if health.reaches_brokers {
            Line::ok("brokers", "ksqlDB reaches its Kafka brokers")
        } else {
            let next = "look at the brokers; exports of streams wait for them";
            Line::fail("brokers", "ksqlDB does not reach its Kafka brokers, says its health check", next)
        });
    }
    match lines.ask("access", "the server's list of streams", client.list_streams()).await {
        Ok(streams) => lines.push(Line::ok(
            "access",
            format!("statements are let through; {} streams are there", streams.len()),
        )),
        Err(error) => lines.push(Line::of("access", &error)),
    }
    let time = lines.ask("clock", "the server's clock", client.server_time()).await;
    lines.push(match time {
        Ok(Some(theirs)) => skew(theirs, now),
        _ => Line::ok("clock", "the server does not tell its time, so it cannot be compared"),
    });
    lines.push(if config.server.url.starts_with("https:") {
        Line::ok("tls", "the connection is encrypted, and the server's certificate was verified")
    } else {
        let level = Level::Ok;
        let what = "the connection is not encrypted (server.url begins with http:)".to_owned();
        Line { topic: "tls", level, what, next: None }
    });
    true
}

fn skew(theirs: DateTime<Utc>, now: DateTime<Utc>) -> Line {
    let seconds = (now - theirs).num_seconds();
    if seconds.abs() <= SKEW_SECONDS {
        return Line::ok("clock", format!("this machine and the server differ by {seconds} s"));
    }
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    Line::warn(
        "clock",
        format!("this machine is {} s {way} the server", seconds.abs()),
        "set both by NTP: what the lake says of completeness is told by this machine's clock",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let at = |seconds: i64| now + chrono::TimeDelta::seconds(seconds);
        assert_eq!(skew(at(30), now).level, Level::Ok);
        assert_eq!(skew(at(-31), now).what, "this machine is 31 s ahead of the server");
        assert_eq!(skew(at(3600), now).what, "this machine is 3600 s behind the server");
    }
}
