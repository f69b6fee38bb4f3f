//! The legacy shop: a database like those that grew over fifteen years, made from a seed.

use limosa::Stop;
use limosa_core::{Error, ErrorKind, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Transaction, params};
use std::path::Path;

/// The schema, with the habits of its years: prefixes, mixed case, types that mean little.
const SCHEMA: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE tblCustomers (
    CustID    INTEGER PRIMARY KEY,
    CustName  VARCHAR(80) NOT NULL,
    EMail     TEXT COLLATE NOCASE,
    Ctry      CHAR(2) DEFAULT 'DE',
    Birthday  DATE,
    CreatedAt DATETIME NOT NULL,
    IsVip     BOOLEAN NOT NULL DEFAULT 0,
    Credit    DECIMAL(12,2) NOT NULL DEFAULT 0,
    Notes     TEXT,
    Avatar    BLOB
);
CREATE TABLE tblProducts (
    Sku    VARCHAR(20) NOT NULL PRIMARY KEY,
    Title  TEXT NOT NULL,
    Price  NUMERIC NOT NULL,
    Weight REAL
) WITHOUT ROWID;
CREATE TABLE tblOrders (
    OrderID   INTEGER PRIMARY KEY AUTOINCREMENT,
    CustID    INTEGER NOT NULL REFERENCES tblCustomers(CustID),
    OrderedAt DATETIME NOT NULL,
    StatusNo  SMALLINT NOT NULL DEFAULT 0,
    Discount  INTEGER,
    Ref       VARCHAR(24) UNIQUE,
    Comment   TEXT
);
CREATE INDEX ixOrdersCust ON tblOrders(CustID, OrderedAt);
CREATE TABLE tblOrderItems (
    OrderID INTEGER NOT NULL REFERENCES tblOrders(OrderID),
    LineNo  INTEGER NOT NULL,
    Sku     VARCHAR(20) NOT NULL REFERENCES tblProducts(Sku),
    Qty     INTEGER NOT NULL CHECK (Qty > 0),
    Price   NUMERIC NOT NULL,
    PRIMARY KEY (OrderID, LineNo)
) WITHOUT ROWID;
CREATE TABLE tblPayments (
    PayID   INTEGER PRIMARY KEY,
    OrderID INTEGER NOT NULL REFERENCES tblOrders(OrderID),
    Amount  NUMERIC NOT NULL,
    Method  VARCHAR(10),
    PaidAt  INTEGER,
    Raw     TEXT
);
CREATE INDEX ixPaymentsOrder ON tblPayments(OrderID);
CREATE TABLE AuditLog (
    At   DATETIME,
    Who  TEXT,
    What TEXT
);
CREATE VIEW vwOrderTotals AS
    SELECT OrderID, sum(Qty * Price) AS Total FROM tblOrderItems GROUP BY OrderID;
";

/// The configuration that moves it, to be read and edited by people.
pub(super) const CONFIGURATION: &str = r#"# The migration of the demo. Edit it, and try `limosa assess`, `limosa plan` and `limosa run` with it.
# Every key: `limosa config schema`.

name = "shop"

[source]
url = "sqlite:legacy.db"      # also postgresql://…, mysql://…, mariadb://…

[target]
url = "sqlite:shop.db"

[types]
mismatch = "widen"            # the legacy database has text among its numbers: take a type that holds both

[[table]]
name = "tblPayments"
cast = { Amount = "DECIMAL(12,2)", Method = "TEXT" }    # in the target's own words

[[table]]
name = "tblOrderItems"
cast = { Price = "DECIMAL(12,2)", Sku = "TEXT" }

[rename.tables]
tblCustomers  = "customer"
tblProducts   = "product"
tblOrders     = "order"
tblOrderItems = "order_item"
tblPayments   = "payment"
AuditLog      = "audit_log"

[rename.columns]
"tblCustomers.CustID"    = "id"
"tblCustomers.CustName"  = "name"
"tblCustomers.EMail"     = "email"
"tblCustomers.Ctry"      = "country"
"tblCustomers.CreatedAt" = "created_at"
"tblCustomers.IsVip"     = "vip"
"tblOrders.OrderID"      = "id"
"tblOrders.CustID"       = "customer_id"
"tblOrders.OrderedAt"    = "ordered_at"
"tblOrders.StatusNo"     = "status"
"tblOrderItems.OrderID"  = "order_id"
"tblOrderItems.LineNo"   = "line"
"tblOrderItems.Sku"      = "product_sku"
"tblPayments.PayID"      = "id"
"tblPayments.OrderID"    = "order_id"
"tblPayments.PaidAt"     = "paid_at"
"#;

/// Numbers from a seed: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }

    fn moment(&mut self) -> String {
        format!(
            "{}-{:02}-{:02} {:02}:{:02}:{:02}",
            2008 + self.below(17),
            1 + self.below(12),
            1 + self.below(28),
            self.below(24),
            self.below(60),
            self.below(60)
        )
    }

    fn cents(&mut self, most: u64) -> f64 {
        self.below(most * 100) as f64 / 100.0
    }
}

const FIRST: &[&str] = &[
    "Ada",
    "Björn",
    "Chloé",
    "Dmitrij",
    "Élodie",
    "Fatima",
    "Günther",
    "Hana",
    "Íñigo",
    "José",
    "Kateřina",
    "Łukasz",
    "Mei 梅",
    "Nguyễn",
    "Ólafur",
    "Πηνελόπη",
    "Søren",
    "Иван",
    "محمد",
    "😀 Emoji",
];
const LAST: &[&str] = &[
    "O'Brien",
    "Müller-Lüdenscheidt",
    "de la Cruz",
    "Ångström",
    "Smith",
    "王",
    "Þórsdóttir",
    "\"Quote\"",
    "Back\\slash",
    "Semi;colon--",
    "Ｆｕｌｌｗｉｄｔｈ",
    "e\u{301}combining",
    "👩‍👩‍👧‍👦",
];
const NOTES: &[&str] = &[
    "",
    " leading and trailing ",
    "line\r\nbreak",
    "tab\there",
    "NULL",
    "\\N",
    "100 % _sure_",
    "{\"json\": [1, 2, {\"a\": null}]}",
    "<script>alert('x')</script>",
    "🎉🚀 zażółć gęślą jaźń",
    "before\u{0}after",
    "\u{feff}with a mark in front",
    "right to left: \u{202e}abc\u{202c}",
];
const METHODS: &[&str] = &["card", "cash", "transfer", "VOUCHER", "Card "];

/// Rows between two looks at whether somebody wants to stop.
const STRIDE: u64 = 4096;

fn failed(path: &Path, e: rusqlite::Error) -> Error {
    Error::new(ErrorKind::File, "making the demo database", e.to_string())
        .on(path.display().to_string())
}

/// The rows that were asked for when the database was made.
pub(super) fn rows_of(path: &Path) -> Result<u32> {
    let read = || {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0))
    };
    let rows = read().map_err(|e| failed(path, e))?;
    Ok(u32::try_from(rows).unwrap_or(0))
}

/// Makes the database, under another name until it is whole.
///
/// # Errors
/// `File`; `Interrupted` if `stop` was raised: nothing is left.
pub(super) fn make(path: &Path, rows: u32, seed: u64, stop: &Stop) -> Result<()> {
    let draft = path.with_extension("making");
    let _ = std::fs::remove_file(&draft);
    let made = fill(&draft, rows, seed, stop);
    if let Err(e) = made {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&draft);
        return Err(e);
    }
    std::fs::rename(&draft, path).map_err(|e| {
        Error::new(ErrorKind::File, "making the demo database", e.to_string())
            .on(path.display().to_string())
    })
}

fn fill(path: &Path, rows: u32, seed: u64, stop: &Stop) -> Result<()> {
    let wrong = |e| failed(path, e);
    let mut db = Connection::open(path).map_err(wrong)?;
    db.execute_batch(SCHEMA).map_err(wrong)?;
    let tx = db.transaction().map_err(wrong)?;
    let rows_64 = u64::from(rows);
    let shop = Shop {
        customers: (rows_64 / 20).max(2),
        products: (rows_64 / 200).clamp(2, 5000),
        orders: (rows_64 / 5).max(2),
    };
    let mut dice = Dice(seed);
    let check = |n: u64| {
        if n.is_multiple_of(STRIDE) {
            stop.check()
        } else {
            Ok(())
        }
    };
    for id in 1..=shop.customers {
        check(id)?;
        customer(&tx, id, &mut dice).map_err(wrong)?;
    }
    for n in 0..shop.products {
        product(&tx, n, &mut dice).map_err(wrong)?;
    }
    for id in 1..=shop.orders {
        check(id)?;
        order(&tx, id, &shop, &mut dice).map_err(wrong)?;
    }
    oddities(&tx).map_err(wrong)?;
    tx.pragma_update(None, "user_version", rows)
        .map_err(wrong)?;
    tx.commit().map_err(wrong)?;
    db.execute_batch("PRAGMA journal_mode = DELETE;")
        .map_err(wrong)
}

struct Shop {
    customers: u64,
    products: u64,
    orders: u64,
}

fn customer(tx: &Transaction<'_>, id: u64, dice: &mut Dice) -> rusqlite::Result<()> {
    let name = format!("{} {}", dice.of(FIRST), dice.of(LAST));
    let avatar: Value = match dice.below(8) {
        0 => Value::Blob(Vec::new()),
        1 => Value::Blob((0..64).map(|_| dice.next() as u8).collect()),
        _ => Value::Null,
    };
    let mail =
        (!dice.one_in(20)).then(|| format!("User{id}@Example.{}", dice.of(&["com", "ORG", "рф"])));
    let birthday = (!dice.one_in(3)).then(|| dice.moment()[..10].to_owned());
    tx.prepare_cached("INSERT INTO tblCustomers VALUES (?,?,?,?,?,?,?,?,?,?)")?
        .execute(params![
            id as i64,
            name,
            mail,
            dice.of(&["DE", "FR", "PL", "jp", "US"]),
            birthday,
            dice.moment(),
            dice.one_in(10),
            dice.cents(1000),
            dice.one_in(2).then(|| dice.of(NOTES)),
            avatar
        ])?;
    Ok(())
}

fn product(tx: &Transaction<'_>, n: u64, dice: &mut Dice) -> rusqlite::Result<()> {
    let weight = (!dice.one_in(5)).then(|| dice.below(100_000) as f64 / 1000.0);
    tx.prepare_cached("INSERT INTO tblProducts VALUES (?,?,?,?)")?
        .execute(params![
            format!("SKU-{n:06}"),
            format!(
                "{} of {}",
                dice.of(&["Box", "Bag", "Päckchen", "袋"]),
                dice.of(LAST)
            ),
            dice.cents(500),
            weight
        ])?;
    Ok(())
}

fn order(tx: &Transaction<'_>, id: u64, shop: &Shop, dice: &mut Dice) -> rusqlite::Result<()> {
    let at = dice.moment();
    // Once a discount was typed in as text: SQLite keeps what it is given.
    let discount: Value = match dice.below(50) {
        0 => Value::Text("10%".into()),
        1 => Value::Real(2.5),
        2..=20 => Value::Integer(dice.below(30) as i64),
        _ => Value::Null,
    };
    tx.prepare_cached("INSERT INTO tblOrders VALUES (?,?,?,?,?,?,?)")?
        .execute(params![
            id as i64,
            1 + dice.below(shop.customers) as i64,
            at,
            dice.below(5) as i64,
            discount,
            (!dice.one_in(10)).then(|| format!("R{id:08}")),
            dice.one_in(4).then(|| dice.of(NOTES))
        ])?;
    let mut total = 0.0;
    for line in 1..=1 + dice.below(3) {
        let (qty, price) = (1 + dice.below(9), dice.cents(500));
        total += qty as f64 * price;
        tx.prepare_cached("INSERT INTO tblOrderItems VALUES (?,?,?,?,?)")?
            .execute(params![
                id as i64,
                line as i64,
                format!("SKU-{:06}", dice.below(shop.products)),
                qty as i64,
                price
            ])?;
    }
    if !dice.one_in(8) {
        tx.prepare_cached(
            "INSERT INTO tblPayments(OrderID, Amount, Method, PaidAt, Raw) VALUES (?,?,?,?,?)",
        )?
        .execute(params![
            id as i64,
            (total * 100.0).round() / 100.0,
            dice.of(METHODS),
            1_200_000_000 + dice.below(500_000_000) as i64,
            dice.one_in(6)
                .then(|| format!("{{\"ref\":\"{:016x}\",\"ok\":true}}", dice.next()))
        ])?;
    }
    // Written twice now and then: a log without a key has equal rows.
    for _ in 0..1 + u64::from(dice.one_in(9)) {
        tx.prepare_cached("INSERT INTO AuditLog VALUES (?,?,?)")?
            .execute(params![
                at,
                dice.of(&["web", "batch", "käthe"]),
                "order placed"
            ])?;
    }
    Ok(())
}

/// Values that stand in old databases and that nobody remembers.
fn oddities(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "INSERT INTO tblCustomers(CustID, CustName, CreatedAt, Credit, Notes) VALUES
            (-1, '', '1970-01-01 00:00:00', -0.01, 'a negative id'),
            (9007199254740993, 'beyond a double', '9999-12-31 23:59:59', 99999999.99, 'an id that no float holds');
         INSERT INTO tblProducts VALUES ('sku-lower', 'like SKU-LOWER, but not equal', 0, 1e308),
            ('SKU-LOWER', 'capital', 1e-7, -0.0), (' ', 'a blank for a key', 12345678901234567, 9e999);
         INSERT INTO AuditLog VALUES (NULL, NULL, NULL), (NULL, NULL, NULL), ('', '', '');",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(path: &Path) -> Vec<(String, i64)> {
        let db = Connection::open(path).expect("the database opens");
        [
            "tblCustomers",
            "tblProducts",
            "tblOrders",
            "tblOrderItems",
            "tblPayments",
            "AuditLog",
        ]
        .map(|t| {
            let count = db.query_row(&format!("SELECT count(*) FROM {t}"), [], |r| r.get(0));
            (t.to_owned(), count.expect("a count"))
        })
        .to_vec()
    }

    #[test]
    fn the_same_seed_makes_the_same_shop_and_the_rows_are_about_as_many_as_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let [a, b] = ["a.db", "b.db"].map(|n| folder.path().join(n));
        make(&a, 5000, 7, &Stop::new()).expect("made");
        make(&b, 5000, 7, &Stop::new()).expect("made");
        assert!(std::fs::read(&a).expect("a file") == std::fs::read(&b).expect("a file"));
        let total: i64 = digest(&a).iter().map(|(_, n)| n).sum();
        assert!((4000..6000).contains(&total), "{total}");
        assert_eq!(rows_of(&a).expect("rows"), 5000);
        let db = Connection::open(&a).expect("the database opens");
        let broken: i64 = db
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| {
                r.get(0)
            })
            .expect("a count");
        assert_eq!(broken, 0);
    }

    #[test]
    fn a_stopped_making_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let stop = Stop::new();
        stop.request();
        let made = make(&folder.path().join("a.db"), 1_000_000, 1, &stop);
        assert!(made.is_err_and(|e| e.kind() == ErrorKind::Interrupted));
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            0
        );
    }
}
