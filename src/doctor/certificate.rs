//! Until when the certificates of the configuration are valid.
//!
//! Only the way to `notAfter` is read (RFC 5280, section 4.1): `Certificate { tbsCertificate { [0] version?, serialNumber,
//! signature, issuer, validity { notBefore, notAfter …`. Whether a certificate can be trusted is the TLS library's matter.

use std::path::Path;

use base64::Engine as _;
use chrono::{DateTime, NaiveDateTime, Utc};

use super::{Line, Lines};
use crate::config::Config;

/// Days before the end from which on a certificate is told.
const SOON_DAYS: i64 = 30;

pub(super) fn look(config: &Config, now: DateTime<Utc>, lines: &mut Lines<'_>) {
    let files = [
        ("server.ca_file", &config.server.ca_file),
        ("server.client_cert_file", &config.server.client_cert_file),
    ];
    for (key, file) in files {
        let Some(file) = file else { continue };
        lines.push(certificate(key, file, now));
    }
}

fn certificate(key: &str, file: &Path, now: DateTime<Utc>) -> Line {
    let pem = match std::fs::read(file) {
        Ok(pem) => String::from_utf8_lossy(&pem).into_owned(),
        Err(e) => {
            return Line::fail(
                "tls",
                format!("{key}: {}: {e}", file.display()),
                "check the path and its mode",
            );
        }
    };
    let Some(until) = valid_until(&pem) else {
        return Line::fail(
            "tls",
            format!("{key}: {} holds no certificate in PEM", file.display()),
            "name a file that begins with -----BEGIN CERTIFICATE-----",
        );
    };
    let days = (until - now).num_days();
    let what = format!("{key}: valid until {}", until.format("%Y-%m-%d"));
    if until <= now {
        Line::fail("tls", format!("{key}: expired on {}", until.format("%Y-%m-%d")), "renew the certificate")
    } else if days < SOON_DAYS {
        Line::warn("tls", format!("{what}, {days} days from now"), "renew the certificate")
    } else {
        Line::ok("tls", what)
    }
}

/// The earliest end of validity among the certificates of a PEM file; `None` where there is none.
pub fn valid_until(pem: &str) -> Option<DateTime<Utc>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let bodies = pem.split(BEGIN).skip(1).filter_map(|rest| rest.split(END).next());
    let ends = bodies.map(|body| {
        let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        not_after(&base64::engine::general_purpose::STANDARD.decode(body).ok()?)
    });
    ends.flatten().min()
}

fn not_after(der: &[u8]) -> Option<DateTime<Utc>> {
    const SEQUENCE: u8 = 0x30;
    let (_, certificate, _) = element(der).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut body, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    // The version is tagged, and left out in version 1.
    if let Some((0xa0, _, rest)) = element(body) {
        body = rest;
    }
    for _ in ["serialNumber", "signature", "issuer"] {
        (_, _, body) = element(body)?;
    }
    let (_, validity, _) = element(body).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// Tag, content and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// UTCTime with two digits of the year (those from 50 on are of the last century), or GeneralizedTime.
fn time(tag: u8, text: &str) -> Option<DateTime<Utc>> {
    let century = match (tag, text.get(..2)?) {
        (0x17, year) if year < "50" => "20",
        (0x17, _) => "19",
        _ => "",
    };
    let text = format!("{century}{text}");
    NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(year: i32) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 4);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn the_earliest_end_is_told() {
        let until = |pem: &str| valid_until(pem).map(|t| t.format("%Y-%m-%d").to_string());
        assert_eq!(until(&made(2031)).as_deref(), Some("2031-03-04"));
        assert_eq!(
            until(&made(2051)).as_deref(),
            Some("2051-03-04"),
            "written with four digits from 2050 on"
        );
        assert_eq!(until(&(made(2051) + &made(2029))).as_deref(), Some("2029-03-04"));
        assert_eq!(until("no certificate"), None);
    }

    #[test]
    fn an_expired_one_fails_and_a_dying_one_warns() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), made(2031)).unwrap();
        let level = |now: &str| certificate("server.ca_file", file.path(), now.parse().unwrap()).level;
        assert_eq!(level("2030-01-01T00:00:00Z"), super::super::Level::Ok);
        assert_eq!(level("2031-02-20T00:00:00Z"), super::super::Level::Warn);
        assert_eq!(level("2031-03-05T00:00:00Z"), super::super::Level::Fail);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fall(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&bytes);
        }
    }
}
