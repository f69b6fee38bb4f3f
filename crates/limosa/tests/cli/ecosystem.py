"""Asks the real tools: `dbt FOLDER`, `gx DATABASE SUITE...`, `read-dbt FILE`, `read-gx FILE`. Prints JSON."""

import json
import sys
import warnings

warnings.filterwarnings("ignore")


def gx(database, paths):
    import great_expectations
    from great_expectations.core.expectation_suite import ExpectationSuite, expectationSuiteSchema

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sqlite("db", connection_string="sqlite:///" + database)
    out = {}
    for path in paths:
        with open(path) as file:
            loaded = json.load(file)
        table = loaded["meta"]["table"]
        suite = context.suites.add(ExpectationSuite(**expectationSuiteSchema.load(loaded)))
        asset = source.add_table_asset(table, table_name=table)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        for result in batch.validate(suite).results:
            info = result.exception_info
            raised = info.get("raised_exception", True) if isinstance(info, dict) else True
            out[result.expectation_config.meta["name"]] = {
                "success": result.success,
                "raised": raised,
                "unexpected": result.result.get("unexpected_count"),
            }
    return out


def read_gx(path):
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema as schema,
    )

    with open(path) as file:
        loaded = schema.load(json.load(file))
    return {
        "success": loaded.success,
        "results": {r.expectation_config.meta["name"]: r.success for r in loaded.results},
    }


def read_dbt(path):
    from dbt.artifacts.schemas.run import RunResultsArtifact

    loaded = RunResultsArtifact.read_and_check_versions(path)
    return {r.unique_id.split(".")[2]: [str(r.status), r.failures] for r in loaded.results}


def dbt(folder):
    import os

    from dbt.cli.main import dbtRunner

    os.chdir(folder)
    answer = dbtRunner().invoke(["--quiet", "test", "--profiles-dir", "."])
    if answer.exception:
        raise answer.exception
    return {r.node.name: [str(r.status), r.failures] for r in answer.result.results}


act, *rest = sys.argv[1:]
if act == "gx":
    said = gx(rest[0], rest[1:])
else:
    said = {"read-gx": read_gx, "read-dbt": read_dbt, "dbt": dbt}[act](rest[0])
print("ANSWER " + json.dumps(said))
