//! `[tier.cold]`: the address of the cold store, and what belongs together.

use super::{Checksum, ColdConfig, ServerSideEncryption};

pub(super) const ENCRYPTIONS: &[(&str, ServerSideEncryption)] = &[
    ("bucket", ServerSideEncryption::Bucket),
    ("AES256", ServerSideEncryption::Aes256),
    ("aws:kms", ServerSideEncryption::Kms),
];
pub(super) const CHECKSUMS: &[(&str, Checksum)] =
    &[("sha256", Checksum::Sha256), ("crc64nvme", Checksum::Crc64Nvme), ("none", Checksum::None)];

/// The access tiers of Azure.
const AZURE_TIERS: [&str; 4] = ["Hot", "Cool", "Cold", "Archive"];

/// `s3://bucket[/prefix]`, `az://container[/prefix]` or `file:///folder`, without a slash at the end; the error continues the
/// value: `is not …`.
pub(super) fn url(text: &str) -> Result<String, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("does not begin with s3://, az:// or file://".to_owned());
    };
    if text.chars().any(|c| c.is_whitespace() || c.is_control())
        || rest.contains(['?', '#', '\\', '"', '<', '>', '%', '*'])
    {
        return Err("holds a character that the address of a store cannot have".to_owned());
    }
    let text = text.trim_end_matches('/');
    let (root, prefix) = match scheme {
        "s3" | "az" => rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), "")),
        "file" => {
            let Some(path) = rest.strip_prefix('/') else {
                return Err("is not like file:///mnt/archive: three slashes, then the folder".to_owned());
            };
            ("", path.trim_end_matches('/'))
        }
        _ => return Err("does not begin with s3://, az:// or file://".to_owned()),
    };
    if root.contains('@') {
        return Err(
            "holds credentials, which would come into logs; they come from the environment or a profile"
                .to_owned(),
        );
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ['-', '.', '_', '$'].contains(&c);
    if scheme == "file" && prefix.is_empty() {
        return Err("names no folder".to_owned());
    }
    if scheme != "file" && (root.is_empty() || !root.chars().all(plain)) {
        return Err("names no bucket or container: s3://bucket/prefix, az://container/prefix".to_owned());
    }
    if !prefix.is_empty() && prefix.split('/').any(|part| ["", ".", ".."].contains(&part)) {
        return Err("has an empty part, \".\" or \"..\" in its path".to_owned());
    }
    Ok(text.to_owned())
}

/// A name that goes into a header or a file of another program.
pub(super) fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_graphic() && c != '"';
    if text.is_empty() || text.len() > 2048 || !text.chars().all(plain) {
        return Err("is empty, or holds a character that a name cannot have".to_owned());
    }
    Ok(text.to_owned())
}

/// What belongs together, and what cannot be together.
pub(super) fn combine(cold: &ColdConfig, problems: &mut Vec<String>, warnings: &mut Vec<String>) {
    let scheme = cold.url.split_once("://").map_or("", |(scheme, _)| scheme);
    let of_s3 = [
        ("region", cold.region.is_some()),
        ("profile", cold.profile.is_some()),
        ("sse", cold.sse != ServerSideEncryption::Bucket),
        ("kms_key", cold.kms_key.is_some()),
    ];
    let of_network = [
        ("endpoint", !cold.endpoint.is_empty()),
        ("storage_class", cold.storage_class.is_some()),
        ("ca_file", cold.ca_file.is_some()),
    ];
    let strange = |keys: &[(&str, bool)]| -> Vec<String> {
        keys.iter().filter(|(_, set)| *set).map(|(key, _)| format!("tier.cold.{key}")).collect()
    };
    if ["az", "file"].contains(&scheme) {
        let store = if scheme == "az" { "Azure" } else { "a folder" };
        let mut keys = strange(&of_s3);
        if scheme == "file" {
            keys.extend(strange(&of_network));
        }
        problems.extend(
            keys.iter().map(|key| format!("{key} means nothing for {store}, which tier.cold.url names")),
        );
    }
    if let Some(class) =
        cold.storage_class.as_deref().filter(|class| scheme == "az" && !AZURE_TIERS.contains(class))
    {
        problems
            .push(format!("tier.cold.storage_class: \"{class}\" is not one of {}", AZURE_TIERS.join(", ")));
    }
    if cold.kms_key.is_some() && cold.sse != ServerSideEncryption::Kms {
        warnings.push("tier.cold.kms_key is not used: tier.cold.sse is not \"aws:kms\"".to_owned());
    }
    if cold.memory_bytes < cold.part_bytes {
        problems.push("tier.cold.memory_mb is less than tier.cold.part_mb".to_owned());
    }
    let open = cold.endpoint.to_ascii_lowercase().starts_with("http://");
    if open && !cold.allow_http {
        problems.push("tier.cold.endpoint begins with http: set tier.cold.allow_http = true if data may cross the network unencrypted".to_owned());
    } else if super::url::is_open(&cold.endpoint) {
        warnings.push("tier.cold.endpoint begins with http: data crosses the network unencrypted".to_owned());
    }
    if cold.url.is_empty() && !cold.endpoint.is_empty() {
        warnings.push("tier.cold.endpoint is not used: tier.cold.url is not set".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_stores_are_told_from_other_text() {
        for good in ["s3://bucket", "s3://bucket/a/b=c", "az://lake/cold", "file:///mnt/archive"] {
            assert_eq!(url(good).as_deref(), Ok(good));
        }
        assert_eq!(url("s3://bucket/a//").as_deref(), Ok("s3://bucket/a"));
        for bad in [
            "",
            "bucket",
            "s3://",
            "s3:///a",
            "gs://bucket",
            "file://mnt",
            "file:///",
            "s3://b/a//c",
            "s3://b/../c",
            "s3://b/a?x",
            "s3://b a",
            "az://c/%41",
            "s3://bu:cket",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(url("s3://key:secret@bucket").unwrap_err().contains("holds credentials"));
    }

    #[test]
    fn what_cannot_be_together_is_refused() {
        let problems = |cold: ColdConfig| {
            let mut problems = Vec::new();
            combine(&cold, &mut problems, &mut Vec::new());
            problems.join("\n")
        };
        let cold = |url: &str| ColdConfig { url: url.to_owned(), ..ColdConfig::default() };
        assert_eq!(problems(ColdConfig::default()), "");
        assert_eq!(problems(cold("s3://b")), "");
        let class =
            |url: &str, class: &str| ColdConfig { storage_class: Some(class.to_owned()), ..cold(url) };
        assert_eq!(problems(class("s3://b", "GLACIER")), "");
        assert!(problems(class("az://c", "GLACIER")).contains("is not one of Hot, Cool, Cold, Archive"));
        assert_eq!(problems(class("az://c", "Archive")), "");
        assert!(problems(class("file:///a", "GLACIER")).contains("means nothing for a folder"));
        let region = ColdConfig { region: Some("r".to_owned()), ..cold("az://c") };
        assert!(problems(region).contains("tier.cold.region means nothing for Azure"));
        let memory = ColdConfig { memory_bytes: 5 << 20, ..cold("s3://b") };
        assert!(problems(memory).contains("less than"));
        let open = ColdConfig { endpoint: "http://127.0.0.1:9000".to_owned(), ..cold("s3://b") };
        assert!(problems(open.clone()).contains("allow_http"));
        assert_eq!(problems(ColdConfig { allow_http: true, ..open }), "");
    }
}
