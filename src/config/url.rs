//! The address of the server: enough of a URL's grammar to refuse early, and to keep credentials out of it.

/// `http://host[:port][/path]`, without a slash at the end; the error continues the value: `is not …`.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| lower.strip_prefix(scheme)) else {
        return Err("does not begin with http:// or https://".to_owned());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if rest.contains('@') {
        let advice = "set username and password_file beside it, or the variable of the password";
        return Err(format!("holds credentials, which would come into logs; {advice}"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control())
        || rest.contains(['?', '#', '\\', '"', '<', '>'])
    {
        return Err("is not like http://host:8088".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains([':', '[', ']', ',']) && !bracketed) {
        return Err("has no host like localhost, 10.0.0.7 or [::1]".to_owned());
    }
    if port.is_some_and(|port| port.starts_with('+') || port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err("has a port that is not between 1 and 65535".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether what is sent there can be read on its way.
pub(super) fn is_open(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let loopback = ["localhost", "127.", "[::1]"].iter().any(|name| host.starts_with(name));
    !loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in
            ["http://localhost:8088", "HTTPS://Ksql.example/base", "http://[::1]:8088", "http://10.0.0.7"]
        {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        assert_eq!(parse("http://h:1//").as_deref(), Ok("http://h:1"));
        for bad in [
            "",
            "localhost:8088",
            "ftp://h",
            "http://",
            "http://:80",
            "http://h:0",
            "http://h:99999",
            "http://h:+1",
            "http://a b",
            "http://h?x",
            "http://h\n",
            "http://a:b:c",
            "http://a,b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("http://user:secret@host").unwrap_err().contains("holds credentials"));
        assert!(is_open("http://ksql:8088") && !is_open("https://ksql") && !is_open("http://127.0.0.1:8088"));
    }
}
