//! Profiles of `~/.aws/credentials` and `~/.aws/config`.
//!
//! Both are files of sections: `[name]` in the first, `[default]` and `[profile name]` in the second. What the first says counts.

use std::fmt;
use std::path::PathBuf;

use super::home;
use crate::error::{Error, Kind, Result};

/// Keys that name a way to credentials which is not supported, with what to do instead.
const UNSUPPORTED: [(&str, &str); 4] = [
    (
        "credential_process",
        "run the program yourself and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    ),
    ("sso_session", "run `aws sso login`, then `eval \"$(aws configure export-credentials --format env)\"`"),
    (
        "sso_start_url",
        "run `aws sso login`, then `eval \"$(aws configure export-credentials --format env)\"`",
    ),
    ("source_profile", "assume the role with `aws sts assume-role` and set the keys in the environment"),
];

/// Where the two files are.
#[derive(Debug, Clone)]
pub struct Files {
    credentials: PathBuf,
    config: PathBuf,
}

/// What both files say of one profile.
#[derive(Clone, Default)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The file of its key pair, or the one that names it.
    pub file: PathBuf,
    /// `region`
    pub region: Option<String>,
    /// The file of a token, and the role.
    pub web_identity: Option<(String, String)>,
    pub(super) key_id: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) token: Option<String>,
    /// The first key that asks for what is not supported.
    unsupported: Option<&'static str>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({}, region {:?})", self.name, self.region)
    }
}

impl Files {
    /// `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE`, or those below the home folder.
    pub fn of(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let file = |variable: &str, name: &str| {
            env(variable).map_or_else(|| home(env).join(".aws").join(name), PathBuf::from)
        };
        Self {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: file("AWS_CONFIG_FILE", "config"),
        }
    }

    /// What the files say of a profile; `None` when neither names it.
    ///
    /// # Errors
    /// [`Kind::Io`] when a file is there and cannot be read, [`Kind::Config`] when it is no such file.
    pub fn profile(&self, name: &str) -> Result<Option<Profile>> {
        let mut profile = Profile { name: name.to_owned(), ..Profile::default() };
        let mut there = false;
        let headers = [(&self.config, format!("profile {name}")), (&self.credentials, name.to_owned())];
        for (file, header) in headers {
            let text = match std::fs::read_to_string(file) {
                Ok(text) => text,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(Error::io("read the profiles of AWS", file, e)),
            };
            let lines = section(&text, &header, name == "default").map_err(|line| {
                Error::new(Kind::Config, "a file of AWS profiles breaks its grammar")
                    .at("file", format!("{} line {line}", file.display()))
                    .next("write [profile name] or [name], then key = value, a line each")
            })?;
            let Some(lines) = lines else { continue };
            there = true;
            if profile.file.as_os_str().is_empty() || lines.iter().any(|(key, _)| key == "aws_access_key_id")
            {
                profile.file.clone_from(file);
            }
            profile.take(&lines);
        }
        Ok(there.then_some(profile))
    }

    /// That neither file names the profile.
    pub fn missing(&self, name: &str) -> Error {
        Error::new(Kind::Config, "there is no such profile of AWS")
            .at("profile", name)
            .at("files", format!("{}, {}", self.credentials.display(), self.config.display()))
            .next("set AWS_PROFILE or tier.cold.profile to one that is there")
    }
}

impl Profile {
    fn take(&mut self, lines: &[(String, String)]) {
        let get =
            |name: &str| lines.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let put = |place: &mut Option<String>, name: &str| {
            if let Some(value) = get(name) {
                *place = Some(value);
            }
        };
        put(&mut self.region, "region");
        if get("aws_access_key_id").is_some() || get("aws_secret_access_key").is_some() {
            // A pair and its token stay together: never the key of one file with the token of the other.
            self.key_id = get("aws_access_key_id");
            self.secret = get("aws_secret_access_key");
            self.token = get("aws_session_token");
        }
        if let Some(identity) = get("web_identity_token_file").zip(get("role_arn")) {
            self.web_identity = Some(identity);
        }
        let unsupported = UNSUPPORTED.iter().find(|(key, _)| get(key).is_some());
        self.unsupported = self.unsupported.or(unsupported.map(|(key, _)| *key));
    }

    /// Fails when the profile asks for a way that is not supported.
    ///
    /// # Errors
    /// [`Kind::Config`], with what to do instead.
    pub fn refuse_unsupported(&self) -> Result<()> {
        let Some(found) = self.unsupported else { return Ok(()) };
        let advice = UNSUPPORTED.iter().find(|(key, _)| *key == found).map_or("", |(_, advice)| advice);
        Err(Error::new(Kind::Config, format!("the profile asks for {found}, which lakehand does not do"))
            .at("profile", &self.name)
            .at("file", self.file.display())
            .next(advice))
    }
}

/// Keys and values of a section.
type Lines = Vec<(String, String)>;

/// The keys of a section; an error is the number of a line that breaks the grammar. Indented lines belong to the key before them and
/// hold settings of single services.
fn section(text: &str, header: &str, is_default: bool) -> Result<Option<Lines>, usize> {
    let mut found: Option<Lines> = None;
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = bare.strip_prefix('[') {
            let name = rest.split_once(']').map(|(name, _)| name).ok_or(at + 1)?;
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            inside = name == header || (is_default && name == "default");
            if inside {
                found.get_or_insert_default();
            }
            continue;
        }
        if !inside || line.starts_with([' ', '\t']) {
            continue;
        }
        let (key, value) = bare.split_once('=').ok_or(at + 1)?;
        let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default();
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().to_owned());
        if let Some(lines) = found.as_mut().filter(|_| !value.is_empty()) {
            lines.push((key, value));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn sections_are_read_as_amazons_tools_read_them() {
        let text = "# mine\n[default]\nregion = a\n\n[ profile  x ]\nREGION=b # here\ns3 =\n  max_concurrent_requests = 20\n\
                    [profile xy]\nregion = c\n[profile x]\noutput=json\n";
        let x = section(text, "profile x", false).unwrap().unwrap();
        let x: Vec<_> = x.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(x, [("region", "b"), ("output", "json")]);
        assert_eq!(section(text, "profile z", false).unwrap(), None);
        assert_eq!(section(text, "profile default", true).unwrap().unwrap().len(), 1);
        assert_eq!(section("[a]\nkey\n", "a", false), Err(2));
    }
}
