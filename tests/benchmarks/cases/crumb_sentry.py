"""A breadcrumb in sentry-sdk, inside two scopes. The client never sends: nothing is captured."""

import pyperf
import sentry_sdk

sentry_sdk.init(dsn="http://key@localhost/1", default_integrations=False)

with sentry_sdk.new_scope() as outer:
    outer.set_tags({"request_id": "req-999", "user": "bob"})
    with sentry_sdk.new_scope() as inner:
        inner.set_tag("step", "db_query")
        pyperf.Runner().timeit(
            "it",
            'add_breadcrumb(message="query_finished", data={"rows": 10, "table": "users"})',
            globals={"add_breadcrumb": sentry_sdk.add_breadcrumb},
        )
