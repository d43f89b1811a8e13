//! The statements that the server understands.

use super::token::{Kind, SyntaxError, Token, statements};

/// A statement and its own text, up to the semicolon.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) command: Command,
}

/// What a statement asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// `LIST|SHOW STREAMS|TABLES|QUERIES|… [EXTENDED]`
    List { what: String, extended: bool },
    /// `DESCRIBE name [EXTENDED]`
    Describe { name: String, extended: bool },
    /// `SELECT …`
    Select(Select),
    /// `CREATE [OR REPLACE] STREAM|TABLE … AS SELECT …`
    CreateAs { table: bool, name: String, if_not_exists: bool, with: Vec<(String, String)>, select: Select },
    /// `CREATE STREAM … (name BYTES [KEY], …) WITH (…)`; of each column its name, and whether it is a key.
    Declare { name: String, if_not_exists: bool, columns: Vec<(String, bool)>, with: Vec<(String, String)> },
    /// `DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]`
    Drop { table: bool, name: String, if_exists: bool },
    /// `TERMINATE id`
    Terminate(String),
    /// Anything else, by its first word.
    Other(String),
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Select {
    pub(super) items: Vec<Item>,
    pub(super) from: String,
    pub(super) condition: Option<Expr>,
    /// `GROUP BY`, `HAVING` …: what this server does not do.
    pub(super) beyond: Option<String>,
    /// `EMIT CHANGES`
    pub(super) push: bool,
    pub(super) limit: Option<i64>,
}

/// One item of the SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    All,
    One { expr: Expr, alias: Option<String> },
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// A column, and where its name stands.
    Column(String, usize),
    Member(Box<Expr>, String),
    Number(String),
    Text(String),
    Null,
    Call(String, Vec<Expr>),
    Compare(Box<Expr>, Compare, Box<Expr>),
    IsNull(Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    /// Two or more, not nested: a condition may be long.
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Words that end an expression or a name: they are no alias.
const RESERVED: [&str; 12] =
    ["FROM", "WHERE", "EMIT", "LIMIT", "GROUP", "AS", "AND", "OR", "NOT", "IN", "HAVING", "WINDOW"];
/// Clauses that this server does not do.
const BEYOND: [&str; 9] =
    ["GROUP", "HAVING", "WINDOW", "PARTITION", "ORDER", "JOIN", "INNER", "LEFT", "UNION"];
/// Parentheses and members may be nested so deep.
const DEPTH: usize = 100;

/// The statements of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Statement>, SyntaxError> {
    statements(text)?
        .into_iter()
        .map(|(text, tokens)| {
            let command = Parser { text: &text, tokens: &tokens, at: 0, depth: 0 }.command()?;
            Ok(Statement { text, command })
        })
        .collect()
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn wrong<T>(&self) -> Result<T, SyntaxError> {
        let (at, found) = match self.peek() {
            Some(token) => (token.at, self.text.get(token.at..token.end).unwrap_or("")),
            None => (self.text.len().saturating_sub(1), ";"),
        };
        Err(SyntaxError::at(self.text, at, &format!("mismatched input '{found}'")))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_word(word));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.symbol(symbol) { Ok(()) } else { self.wrong() }
    }

    fn expect_word(&mut self, word: &str) -> Result<(), SyntaxError> {
        if self.word(word) { Ok(()) } else { self.wrong() }
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        match self.peek().map(|token| token.kind.clone()) {
            Some(Kind::Word(name) | Kind::Quoted(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.wrong(),
        }
    }

    /// Only the end may follow.
    fn end(&self) -> Result<(), SyntaxError> {
        if self.peek().is_none() { Ok(()) } else { self.wrong() }
    }

    fn command(mut self) -> Result<Command, SyntaxError> {
        let first = self.name()?;
        let command = match first.as_str() {
            "LIST" | "SHOW" => {
                let mut what = self.name()?;
                if what == "ALL" {
                    what = self.name()?;
                }
                Command::List { what, extended: self.word("EXTENDED") }
            }
            "DESCRIBE" => Command::Describe { name: self.name()?, extended: self.word("EXTENDED") },
            "SELECT" => Command::Select(self.select()?),
            "CREATE" => match self.create()? {
                Some(command) => command,
                None => return Ok(Command::Other(first)),
            },
            "DROP" => {
                let table = self.word("TABLE");
                if !table && !self.word("STREAM") {
                    return Ok(Command::Other(first));
                }
                let if_exists = self.word("IF");
                if if_exists {
                    self.expect_word("EXISTS")?;
                }
                let name = self.name()?;
                if self.word("DELETE") {
                    self.expect_word("TOPIC")?;
                }
                Command::Drop { table, name, if_exists }
            }
            "TERMINATE" => Command::Terminate(self.name()?),
            "PRINT" | "INSERT" | "EXPLAIN" | "SET" | "UNSET" | "ALTER" | "DEFINE" | "ASSERT" | "PAUSE"
            | "RESUME" | "RUN" | "UNDEFINE" => return Ok(Command::Other(first)),
            _ => {
                let written = self.tokens.first().and_then(|token| self.text.get(token.at..token.end));
                let unknown = format!("Unknown statement '{}'", written.unwrap_or(&first));
                return Err(SyntaxError::at(self.text, 0, &unknown));
            }
        };
        self.end()?;
        Ok(command)
    }

    /// After CREATE; `None`: a form that is neither AS SELECT nor a stream of bytes.
    fn create(&mut self) -> Result<Option<Command>, SyntaxError> {
        if self.word("OR") {
            self.expect_word("REPLACE")?;
        }
        let table = self.word("TABLE");
        if !table && !self.word("STREAM") {
            return Ok(None);
        }
        let if_not_exists = self.word("IF");
        if if_not_exists {
            self.expect_word("NOT")?;
            self.expect_word("EXISTS")?;
        }
        let name = self.name()?;
        let mut columns = Vec::new();
        if self.symbol("(") {
            while !self.symbol(")") {
                let column = self.name()?;
                if !self.word("BYTES") {
                    return Ok(None);
                }
                columns.push((column, self.word("KEY")));
                self.symbol(",");
            }
        }
        let mut with = Vec::new();
        if self.word("WITH") {
            self.expect("(")?;
            while !self.symbol(")") {
                let key = self.name()?;
                self.expect("=")?;
                let negative = if self.symbol("-") { "-" } else { "" };
                let given = self.peek().map(|token| token.kind.clone());
                let Some(Kind::Text(value) | Kind::Number(value) | Kind::Word(value)) = given else {
                    return self.wrong();
                };
                self.at += 1;
                with.push((key, format!("{negative}{value}")));
                self.symbol(",");
            }
        }
        if !columns.is_empty() && !table {
            return Ok(Some(Command::Declare { name, if_not_exists, columns, with }));
        }
        if !self.word("AS") {
            return Ok(None);
        }
        self.expect_word("SELECT")?;
        let select = self.select()?;
        Ok(Some(Command::CreateAs { table, name, if_not_exists, with, select }))
    }

    /// After SELECT.
    fn select(&mut self) -> Result<Select, SyntaxError> {
        let mut items = Vec::new();
        loop {
            items.push(self.item()?);
            if !self.symbol(",") {
                break;
            }
        }
        self.expect_word("FROM")?;
        let from = self.name()?;
        let alias = |token: &Token| match &token.kind {
            Kind::Quoted(_) => true,
            Kind::Word(word) => !RESERVED.contains(&word.as_str()) && !BEYOND.contains(&word.as_str()),
            _ => false,
        };
        if self.word("AS") || self.peek().is_some_and(alias) {
            self.name()?;
        }
        let mut select = Select { items, from, condition: None, beyond: None, push: false, limit: None };
        if self.word("WHERE") {
            select.condition = Some(self.expr()?);
        }
        if let Some(Kind::Word(word)) = self.peek().map(|token| token.kind.clone())
            && BEYOND.contains(&word.as_str())
        {
            let by = ["GROUP", "PARTITION", "ORDER"].contains(&word.as_str());
            select.beyond = Some(if by { format!("{word} BY") } else { word });
            while self.peek().is_some_and(|token| !token.is_word("EMIT")) {
                self.at += 1;
            }
        }
        if self.word("EMIT") {
            self.expect_word("CHANGES")?;
            select.push = true;
        }
        if self.word("LIMIT") {
            let sign = if self.symbol("-") { -1 } else { 1 };
            let Some(Kind::Number(digits)) = self.peek().map(|token| token.kind.clone()) else {
                return self.wrong();
            };
            let Ok(limit) = digits.parse::<i64>() else { return self.wrong() };
            self.at += 1;
            select.limit = Some(sign * limit);
        }
        Ok(select)
    }

    fn item(&mut self) -> Result<Item, SyntaxError> {
        if self.symbol("*") {
            return Ok(Item::All);
        }
        let expr = self.expr()?;
        let bare = |token: &Token| match &token.kind {
            Kind::Quoted(_) => true,
            Kind::Word(word) => !RESERVED.contains(&word.as_str()),
            _ => false,
        };
        let alias = if self.word("AS") || self.peek().is_some_and(bare) { Some(self.name()?) } else { None };
        Ok(Item::One { expr, alias })
    }

    fn expr(&mut self) -> Result<Expr, SyntaxError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.wrong();
        }
        let mut parts = vec![self.conjunction()?];
        while self.word("OR") {
            parts.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(joined(parts, Expr::Or))
    }

    fn conjunction(&mut self) -> Result<Expr, SyntaxError> {
        let mut parts = vec![self.negation()?];
        while self.word("AND") {
            parts.push(self.negation()?);
        }
        Ok(joined(parts, Expr::And))
    }

    fn negation(&mut self) -> Result<Expr, SyntaxError> {
        let mut not = false;
        while self.word("NOT") {
            not = !not;
        }
        let expr = self.comparison()?;
        Ok(if not { Expr::Not(Box::new(expr)) } else { expr })
    }

    fn comparison(&mut self) -> Result<Expr, SyntaxError> {
        const OPERATORS: [(&str, Compare); 7] = [
            ("=", Compare::Equal),
            ("<>", Compare::NotEqual),
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        let left = self.operand()?;
        for (symbol, compare) in OPERATORS {
            if self.symbol(symbol) {
                return Ok(Expr::Compare(Box::new(left), compare, Box::new(self.operand()?)));
            }
        }
        if self.word("IS") {
            let not = self.word("NOT");
            self.expect_word("NULL")?;
            return Ok(negate(not, Expr::IsNull(Box::new(left))));
        }
        let not = self.word("NOT");
        if self.word("IN") {
            self.expect("(")?;
            let mut members = vec![self.operand()?];
            while self.symbol(",") {
                members.push(self.operand()?);
            }
            self.expect(")")?;
            return Ok(negate(not, Expr::In(Box::new(left), members)));
        }
        if self.word("BETWEEN") {
            let low = self.operand()?;
            self.expect_word("AND")?;
            let high = self.operand()?;
            let at_least = Expr::Compare(Box::new(left.clone()), Compare::GreaterOrEqual, Box::new(low));
            let at_most = Expr::Compare(Box::new(left), Compare::LessOrEqual, Box::new(high));
            return Ok(negate(not, Expr::And(vec![at_least, at_most])));
        }
        if not { self.wrong() } else { Ok(left) }
    }

    fn operand(&mut self) -> Result<Expr, SyntaxError> {
        let Some(token) = self.peek().cloned() else { return self.wrong() };
        self.at += 1;
        let mut expr = match token.kind {
            Kind::Number(digits) => Expr::Number(digits),
            Kind::Text(text) => Expr::Text(text),
            Kind::Symbol("-") => match self.peek().map(|token| token.kind.clone()) {
                Some(Kind::Number(digits)) => {
                    self.at += 1;
                    Expr::Number(format!("-{digits}"))
                }
                _ => return self.wrong(),
            },
            Kind::Symbol("(") => {
                let inner = self.expr()?;
                self.expect(")")?;
                inner
            }
            Kind::Word(word) if word == "NULL" => Expr::Null,
            Kind::Word(function) if self.symbol("(") => {
                let mut arguments = Vec::new();
                if self.symbol("*") {
                    self.expect(")")?;
                } else if !self.symbol(")") {
                    arguments.push(self.expr()?);
                    while self.symbol(",") {
                        arguments.push(self.expr()?);
                    }
                    self.expect(")")?;
                }
                Expr::Call(function, arguments)
            }
            Kind::Word(name) | Kind::Quoted(name) => {
                if self.symbol(".") {
                    // SOURCE.COLUMN: there is only one source.
                    Expr::Column(self.name()?, token.at)
                } else {
                    Expr::Column(name, token.at)
                }
            }
            Kind::Symbol(_) => {
                self.at -= 1;
                return self.wrong();
            }
        };
        let mut depth = 0;
        while self.symbol("->") {
            depth += 1;
            if depth > DEPTH {
                return self.wrong();
            }
            expr = Expr::Member(Box::new(expr), self.name()?);
        }
        Ok(expr)
    }
}

/// One part stands for itself.
fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn negate(not: bool, expr: Expr) -> Expr {
    if not { Expr::Not(Box::new(expr)) } else { expr }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(sql: &str) -> Select {
        match parse(sql).unwrap().remove(0).command {
            Command::Select(select) => select,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_fold_unless_quoted() {
        let select = select("select a, `b c`, x->`Y` z from \"odd-name\" emit changes limit 3;");
        assert_eq!(select.from, "odd-name");
        assert!(select.push);
        assert_eq!(select.limit, Some(3));
        assert_eq!(select.items[0], Item::One { expr: Expr::Column("A".into(), 7), alias: None });
        let Item::One { expr: Expr::Member(_, member), alias } = &select.items[2] else { panic!() };
        assert_eq!((member.as_str(), alias.as_deref()), ("Y", Some("Z")));
    }

    #[test]
    fn and_binds_closer_than_or() {
        let select = select("SELECT * FROM s WHERE (ROWPARTITION=0 AND ROWOFFSET>=5) OR NOT A IN (1, -2);");
        assert!(matches!(select.condition, Some(Expr::Or(parts))
            if matches!(parts.as_slice(), [Expr::And(_), Expr::Not(_)])));
    }

    #[test]
    fn a_text_holds_several_statements_and_says_what_is_wrong_with_it() {
        let found = parse("-- all; of them\nSHOW STREAMS; DESCRIBE `x` EXTENDED;").unwrap();
        assert_eq!(found[1].text, "DESCRIBE `x` EXTENDED;");
        assert_eq!(parse("SHOW STREAMS").unwrap_err().0, "line 1:13: Syntax Error\nmissing ';' at '<EOF>'");
        assert_eq!(
            parse("SELEC * FROM s;").unwrap_err().0,
            "line 1:1: Syntax Error\nUnknown statement 'SELEC'"
        );
        assert!(parse(&format!("SELECT * FROM s WHERE {}1;", "(".repeat(10_000))).is_err());
    }

    #[test]
    fn pull_and_push_are_told_apart() {
        assert_eq!(select("SELECT k, COUNT(*) FROM s GROUP BY k;").beyond.as_deref(), Some("GROUP BY"));
        assert!(!select("SELECT 1 AS one FROM s;").push);
        assert_eq!(select("SELECT * FROM s LIMIT -1;").limit, Some(-1));
    }
}
