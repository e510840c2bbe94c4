//! The three roles; each may do all the lower one may.

/// What a caller may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Watch and look.
    Viewer,
    /// Also take pictures and record.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word in tokens and answers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }

    /// What it permits, in a client's words.
    pub(crate) fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Viewer => &["view"],
            Self::Operator => &["view", "control"],
            Self::Admin => &["view", "control", "admin"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_order() {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }
}
