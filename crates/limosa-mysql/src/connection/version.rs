//! Which product a server is, and which version of it.

/// The product and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Whether it is MariaDB.
    pub(crate) maria: bool,
    /// Major, minor, patch.
    pub(crate) number: (u32, u32, u32),
    /// As the server says it.
    pub(crate) text: String,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Self {
        let maria = text.contains("MariaDB") || text.contains("mariadb");
        // MariaDB 10 hides behind a version that old replicas understand.
        let plain = text
            .strip_prefix("5.5.5-")
            .filter(|_| maria)
            .unwrap_or(text);
        let mut numbers = plain
            .split(|c: char| !c.is_ascii_digit())
            .map(|n| n.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            maria,
            number: (next(), next(), next()),
            text: plain.to_owned(),
        }
    }

    /// Whether this is MySQL of at least that version.
    pub(crate) fn mysql(&self, major: u32, minor: u32, patch: u32) -> bool {
        !self.maria && self.number >= (major, minor, patch)
    }

    /// Whether this is MariaDB of at least that version.
    pub(crate) fn mariadb(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.maria && self.number >= (major, minor, patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_both_products_are_told_apart() {
        let v = Version::parse("5.5.5-10.11.19-MariaDB-0+deb12u1");
        assert!(v.mariadb(10, 11, 0) && !v.mysql(5, 5, 5));
        assert_eq!(v.number, (10, 11, 19));
        let v = Version::parse("9.7.0");
        assert!(v.mysql(8, 4, 0) && !v.mariadb(8, 0, 0));
        assert_eq!(Version::parse("8.0").number, (8, 0, 0));
    }
}
