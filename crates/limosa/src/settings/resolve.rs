//! From the layers to [`Settings`]: every value read once, in one place, with its origin at hand.

use super::amount::{parse_bytes, parse_seconds};
use super::checks::{Names, choose, name, strategy, within};
use super::data_test;
use super::file::{Amount, Database, File, SCANS, STRATEGIES};
use super::keys::{KEYS, Key, Layer, Origin, key};
use super::wishes::{pairs, thresholds, transforms, wishes};
use super::words::{self, Variables};
use super::{Address, Chosen, Problem, Reach, Settings, nearest};
use limosa_core::policy::Policies;
use limosa_core::secret::scrub;
use limosa_flow::settings::{PlanSettings, RunSettings, Salt, ServerSums};
use std::path::{Path, PathBuf};
use toml::Spanned;

pub(super) fn resolve(
    file: Option<(&Path, &str)>,
    flags: &Layer,
    variables: Variables<'_>,
    reach: Reach,
) -> Result<Settings, Problem> {
    let place = |p: Problem| match file {
        Some((path, text)) if p.span.is_some() => p.within(path, text),
        _ => p,
    };
    let parsed = match file {
        Some((_, text)) => parse(text).map_err(place)?,
        None => File::default(),
    };
    let folder = file
        .and_then(|(path, _)| path.parent())
        .unwrap_or(Path::new(""))
        .to_owned();
    let file_layer = layer(&parsed);
    let environment = Layer::from_environment(variables);
    let teller = Teller {
        layers: [flags, &environment, &file_layer],
        variables,
        folder: &folder,
        reach,
        text: file.map(|(_, text)| text),
    };
    let mut settings = teller.settings(&parsed).map_err(place)?;
    settings.file = file.map(|(path, _)| path.to_owned());
    Ok(settings)
}

/// Reads TOML. An unknown key is an error that names the nearest known one.
fn parse(text: &str) -> Result<File, Problem> {
    // A byte order mark would shift every place by three bytes; blanks keep them.
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => format!("   {rest}"),
        None => text.to_owned(),
    };
    toml::from_str(&text).map_err(|e| {
        let message = scrub(e.message());
        let message = message.lines().next().unwrap_or("not TOML").to_owned();
        let mut problem = match unknown(&message) {
            Some((word, known)) => {
                let problem = Problem::new(format!("unknown key `{word}`"));
                match nearest(&word, known.iter().map(String::as_str)) {
                    Some(name) => problem.hint(format!("Did you mean `{name}`?")),
                    None => problem.hint(format!("Keys here are: {}.", known.join(", "))),
                }
            }
            None => Problem::new(message),
        };
        if let Some(span) = e.span() {
            problem = problem.at(span);
        }
        problem
    })
}

/// Takes serde's words about an unknown field or variant apart: the word, and the words that are known.
fn unknown(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (word, rest) = rest.split_once('`')?;
    let known = rest
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    Some((word.to_owned(), known))
}

/// The file's share of the keys.
fn layer(file: &File) -> Layer {
    let mut layer = Layer::default();
    fn put<T>(
        layer: &mut Layer,
        key: Key,
        value: &Option<Spanned<T>>,
        text: impl Fn(&T) -> String,
    ) {
        if let Some(value) = value {
            layer.set(key, text(value.get_ref()), Origin::File(value.span()));
        }
    }
    let text = String::clone;
    let amount = |a: &Amount| a.0.clone();
    put(&mut layer, key::NAME, &file.name, text);
    put(&mut layer, key::STRATEGY, &file.strategy, text);
    let database = |layer: &mut Layer, d: &Database, url, password| {
        put(layer, url, &d.url, text);
        put(layer, password, &d.password, text);
    };
    database(&mut layer, &file.source, key::SOURCE, key::SOURCE_PASSWORD);
    database(&mut layer, &file.target, key::TARGET, key::TARGET_PASSWORD);
    put(&mut layer, key::SCAN, &file.scan, text);
    put(
        &mut layer,
        key::INTO_EXISTING,
        &file.into_existing,
        bool::to_string,
    );
    put(&mut layer, key::MAX_DOWNTIME, &file.max_downtime, text);
    put(&mut layer, key::WORKERS, &file.workers, u64::to_string);
    put(&mut layer, key::MEMORY, &file.memory, amount);
    put(
        &mut layer,
        key::BATCH_SIZE,
        &file.batch_size,
        u64::to_string,
    );
    put(&mut layer, key::CHUNK_SIZE, &file.chunk_size, amount);
    put(
        &mut layer,
        key::RETRY_ATTEMPTS,
        &file.retry_attempts,
        u64::to_string,
    );
    put(
        &mut layer,
        key::ERROR_THRESHOLD,
        &file.error_threshold,
        f64::to_string,
    );
    put(
        &mut layer,
        key::ERROR_THRESHOLD_MIN,
        &file.error_threshold_min,
        u64::to_string,
    );
    put(
        &mut layer,
        key::VALIDATE_PERCENTAGE,
        &file.validate_percentage,
        f64::to_string,
    );
    put(
        &mut layer,
        key::MAX_ROWS_PER_SECOND,
        &file.max_rows_per_second,
        u64::to_string,
    );
    put(
        &mut layer,
        key::MAX_BYTES_PER_SECOND,
        &file.max_bytes_per_second,
        amount,
    );
    put(
        &mut layer,
        key::MAX_DIFFERENCES,
        &file.max_differences,
        u64::to_string,
    );
    let verify = &file.verify;
    put(
        &mut layer,
        key::VERIFY_PUSHDOWN,
        &verify.pushdown,
        bool::to_string,
    );
    put(&mut layer, key::VERIFY_ROWS, &verify.rows, u64::to_string);
    put(
        &mut layer,
        key::VERIFY_CROSS_CHECK,
        &verify.cross_check,
        f64::to_string,
    );
    put(&mut layer, key::STATE, &file.state, text);
    put(&mut layer, key::REPORT, &file.report, text);
    layer
}

/// Tells what stands in the layers.
struct Teller<'a> {
    /// The strongest first.
    layers: [&'a Layer; 3],
    variables: Variables<'a>,
    folder: &'a Path,
    reach: Reach,
    /// The file.
    text: Option<&'a str>,
}

impl Teller<'_> {
    fn raw(&self, key: Key) -> Option<(&str, &Origin)> {
        self.layers.iter().find_map(|l| l.get(key))
    }

    /// Says where a problem of a key is.
    fn blame(key: Key, origin: &Origin, problem: Problem) -> Problem {
        let what = |name: &str, p: Problem| Problem {
            what: format!("{name}: {}", p.what),
            ..p
        };
        match origin {
            Origin::File(span) => problem.at(span.clone()),
            Origin::Flag if !key.flag.is_empty() => what(key.flag, problem),
            Origin::Environment => what(key.variable, problem),
            _ => what(key.name, problem),
        }
    }

    /// The value of a key, with variables put in, read by `read`.
    fn get<T>(
        &self,
        key: Key,
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        let Some((text, origin)) = self.raw(key) else {
            return Ok(None);
        };
        words::substitute(text, self.variables)
            .and_then(|text| read(&text))
            .map(Some)
            .map_err(|p| Self::blame(key, origin, p))
    }

    fn number(&self, key: Key, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        self.get(key, |text| {
            let n: u64 = text.trim().replace('_', "").parse().map_err(|_| {
                Problem::new(format!("{text:?} is not a whole number"))
                    .hint(format!("Write a number from {least} to {most}."))
            })?;
            within(n, least, most, &n.to_string())?;
            Ok(n)
        })
    }

    fn share(&self, key: Key, most: f64) -> Result<Option<f64>, Problem> {
        self.get(key, |text| {
            let text = text.trim().trim_end_matches('%');
            let n: f64 = text.parse().unwrap_or(f64::NAN);
            if !(0.0..=most).contains(&n) {
                return Err(
                    Problem::new(format!("{text:?} is not between 0 and {most}"))
                        .hint(format!("Write a number from 0 to {most}.")),
                );
            }
            Ok(n)
        })
    }

    fn choice(&self, key: Key) -> Result<Option<bool>, Problem> {
        self.get(key, |text| match text {
            "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err(Problem::new(format!("{text:?} is neither true nor false"))),
        })
    }

    fn bytes(&self, key: Key, least: u64) -> Result<Option<u64>, Problem> {
        self.get(key, |text| {
            let n = parse_bytes(text)?;
            within(n, least, 1 << 44, text)?;
            Ok(n)
        })
    }

    fn folder(&self, key: Key, default: &str) -> Result<PathBuf, Problem> {
        let named = self.get(key, |text| match text {
            "" => Err(Problem::new("the name of the folder is empty")),
            _ if text.contains('\0') => Err(Problem::new("the name of the folder holds U+0000")),
            _ => Ok(PathBuf::from(text)),
        })?;
        Ok(match (named, self.raw(key)) {
            (Some(path), Some((_, Origin::File(_)))) => self.folder.join(path),
            (Some(path), _) => path,
            (None, _) => self.folder.join(default),
        })
    }

    fn list(&self, key: Key, file: &Option<Vec<String>>) -> Result<Vec<String>, Problem> {
        if let Some(list) = self.get(key, |text| {
            Ok(text
                .split(',')
                .map(|p| p.trim().to_owned())
                .filter(|p| !p.is_empty())
                .collect::<Vec<_>>())
        })? {
            return Ok(list);
        }
        file.iter()
            .flatten()
            .map(|p| words::substitute(p, self.variables))
            .collect()
    }

    fn address(
        &self,
        key: Key,
        password: Key,
        secrets: &mut Vec<String>,
    ) -> Result<Option<Address>, Problem> {
        let Some((text, origin)) = self.raw(key) else {
            return Ok(None);
        };
        if self.reach == Reach::Journal {
            return Ok(None);
        }
        let folder = match origin {
            Origin::File(_) => self.folder,
            _ => Path::new(""),
        };
        let blame = |p| Self::blame(key, origin, p);
        let url = words::resolve(text, folder, self.variables).map_err(blame)?;
        let url = crate::engines::recognise(url.trim()).map_err(blame)?;
        let mut address = Address::new(url).within(folder);
        if let Some((text, origin)) = self.raw(password) {
            let folder = match origin {
                Origin::File(_) => self.folder,
                _ => Path::new(""),
            };
            let secret = words::resolve(text, folder, self.variables)
                .map_err(|p| Self::blame(password, origin, p))?;
            secrets.push(secret.clone());
            address = address
                .with_password(&secret)
                .map_err(|p| Self::blame(password, origin, p))?;
        }
        secrets.extend(address.secrets());
        Ok(Some(address))
    }

    fn settings(&self, file: &File) -> Result<Settings, Problem> {
        let mut secrets = Vec::new();
        let source = self.address(key::SOURCE, key::SOURCE_PASSWORD, &mut secrets)?;
        let target = self.address(key::TARGET, key::TARGET_PASSWORD, &mut secrets)?;
        self.get(key::STRATEGY, strategy)?;
        let mut plan = self.plan(file)?;
        let mut run = self.run(file)?;
        if let Some(reference) = file
            .mask_salt
            .as_ref()
            .filter(|_| self.reach == Reach::Databases)
        {
            let secret = words::resolve(reference.get_ref(), self.folder, self.variables)
                .map_err(|p| p.at(reference.span()))?;
            if secret.trim().is_empty() {
                return Err(Problem::new("the secret for masks is empty").at(reference.span()));
            }
            plan.mask_salt = Salt(Some(secret.clone().into()));
            run.mask_salt = plan.mask_salt.clone();
            secrets.push(secret);
        }
        let mut settings = Settings {
            file: None,
            source,
            target,
            plan,
            run,
            state: self.folder(key::STATE, ".limosa")?,
            report: self.folder(key::REPORT, "limosa-report")?,
            checks: data_test::checks(&file.check)?,
            masked: file.masked.clone(),
            chosen: Vec::new(),
            secrets,
        };
        settings.chosen = KEYS.iter().map(|k| self.chosen(*k, &settings)).collect();
        Ok(settings)
    }

    fn plan(&self, file: &File) -> Result<PlanSettings, Problem> {
        let defaults = PlanSettings::default();
        let policies = file.types.over(Policies::default());
        let scan = self.get(key::SCAN, |text| {
            choose(text, "way to look at values", &SCANS.map_names()).map(|i| SCANS[i].1)
        })?;
        let into_existing = self.choice(key::INTO_EXISTING)?;
        Ok(PlanSettings {
            name: self.get(key::NAME, name)?.unwrap_or(defaults.name),
            include: self.list(key::INCLUDE, &file.tables.include)?,
            exclude: self.list(key::EXCLUDE, &file.tables.exclude)?,
            rename_schemas: pairs(&file.rename.schemas),
            tables: wishes(file, policies)?,
            transforms: transforms(file, self.text)?,
            mask_salt: Salt::default(),
            policies,
            scan: scan.unwrap_or(defaults.scan),
            into_existing: into_existing.unwrap_or(false),
            max_downtime_seconds: self.get(key::MAX_DOWNTIME, parse_seconds)?,
        })
    }

    fn run(&self, file: &File) -> Result<RunSettings, Problem> {
        let d = RunSettings::default();
        let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(RunSettings {
            workers: self.number(key::WORKERS, 1, 256)?.map_or(d.workers, small),
            memory: self.bytes(key::MEMORY, 16 << 20)?.unwrap_or(d.memory),
            batch_size: self
                .number(key::BATCH_SIZE, 1, 1_000_000)?
                .unwrap_or(d.batch_size),
            chunk_bytes: self
                .bytes(key::CHUNK_SIZE, 1 << 10)?
                .unwrap_or(d.chunk_bytes),
            retry_attempts: self
                .number(key::RETRY_ATTEMPTS, 0, 1000)?
                .map_or(d.retry_attempts, |n| n as u32),
            error_threshold: self
                .share(key::ERROR_THRESHOLD, 1.0)?
                .unwrap_or(d.error_threshold),
            error_threshold_min: self
                .number(key::ERROR_THRESHOLD_MIN, 1, u64::MAX)?
                .unwrap_or(d.error_threshold_min),
            table_thresholds: thresholds(file)?,
            validate_percentage: self
                .share(key::VALIDATE_PERCENTAGE, 100.0)?
                .unwrap_or(d.validate_percentage),
            max_rows_per_second: self.number(key::MAX_ROWS_PER_SECOND, 1, u64::MAX)?,
            max_bytes_per_second: self.bytes(key::MAX_BYTES_PER_SECOND, 1)?,
            steal: false,
            max_differences: self
                .number(key::MAX_DIFFERENCES, 0, 1_000_000)?
                .map_or(d.max_differences, small),
            extent: d.extent,
            sums: ServerSums {
                pushdown: self
                    .choice(key::VERIFY_PUSHDOWN)?
                    .unwrap_or(d.sums.pushdown),
                rows: self
                    .number(key::VERIFY_ROWS, 1000, 1_000_000_000)?
                    .unwrap_or(d.sums.rows),
                cross_check: self
                    .share(key::VERIFY_CROSS_CHECK, 100.0)?
                    .unwrap_or(d.sums.cross_check),
            },
            mask_salt: Salt::default(),
        })
    }

    /// The key as it stands after all, for `config show`.
    fn chosen(&self, k: Key, s: &Settings) -> Chosen {
        let text = |t: &dyn ToString| Some(t.to_string());
        let shown = |a: &Option<Address>| a.as_ref().map(|a| a.shown().to_owned());
        let value = match k {
            key::NAME => text(&s.plan.name),
            key::STRATEGY => Some(STRATEGIES[0].to_owned()),
            key::SOURCE => shown(&s.source),
            key::TARGET => shown(&s.target),
            key::SOURCE_PASSWORD | key::TARGET_PASSWORD => self.raw(k).map(|_| "***".to_owned()),
            key::INCLUDE => text(&s.plan.include.join(", ")),
            key::EXCLUDE => text(&s.plan.exclude.join(", ")),
            key::SCAN => SCANS
                .iter()
                .find(|(_, m)| *m == s.plan.scan)
                .map(|(n, _)| (*n).to_owned()),
            key::INTO_EXISTING => text(&s.plan.into_existing),
            key::MAX_DOWNTIME => s.plan.max_downtime_seconds.map(|n| format!("{n}s")),
            key::WORKERS => text(&s.run.workers),
            key::MEMORY => Some(super::amount::show_bytes(s.run.memory)),
            key::BATCH_SIZE => text(&s.run.batch_size),
            key::CHUNK_SIZE => Some(super::amount::show_bytes(s.run.chunk_bytes)),
            key::RETRY_ATTEMPTS => text(&s.run.retry_attempts),
            key::ERROR_THRESHOLD => text(&s.run.error_threshold),
            key::ERROR_THRESHOLD_MIN => text(&s.run.error_threshold_min),
            key::VALIDATE_PERCENTAGE => text(&s.run.validate_percentage),
            key::MAX_ROWS_PER_SECOND => s.run.max_rows_per_second.map(|n| n.to_string()),
            key::MAX_BYTES_PER_SECOND => s.run.max_bytes_per_second.map(super::amount::show_bytes),
            key::MAX_DIFFERENCES => text(&s.run.max_differences),
            key::VERIFY_PUSHDOWN => text(&s.run.sums.pushdown),
            key::VERIFY_ROWS => text(&s.run.sums.rows),
            key::VERIFY_CROSS_CHECK => text(&s.run.sums.cross_check),
            key::STATE => text(&s.state.display()),
            key::REPORT => text(&s.report.display()),
            _ => None,
        };
        let origin = match (self.raw(k), k) {
            (Some((_, origin)), _) => origin.clone(),
            (None, key::INCLUDE) if !s.plan.include.is_empty() => Origin::File(0..0),
            (None, key::EXCLUDE) if !s.plan.exclude.is_empty() => Origin::File(0..0),
            _ => Origin::Default,
        };
        Chosen {
            key: k.name,
            value,
            origin,
        }
    }
}
