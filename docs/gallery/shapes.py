"""Declare the flows of the gallery: each function here declares what is in one picture.

The steps do nothing, since only what is declared about them is drawn.
"""

# ruff: noqa: INP001, D401 -- scripts; their steps say what they do as the picture shows it
from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from penstock import flow
from penstock.lowlevel import declare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from penstock import Flow

    Function = Callable[..., Any]


def queued(
    owner: Flow, *, after: Sequence[Function] = (), kind: str = "step"
) -> Callable[[Function], Function]:
    """Declare a task, as `penstock_celery.flow_task` does, without a need for Celery."""

    def decorate(function: Function) -> Function:
        declared: Function = declare(function, kind, after=after, flow=owner, call_kind="task")
        return declared

    return decorate


def chain() -> None:
    """Declare three steps in a row."""
    bom_sync = flow("bom_sync", doc="Keeps the local bill of materials up to date.")

    @bom_sync.entrypoint
    def handle_kafka_message() -> None:
        """Receives BOM update from Kafka."""

    @bom_sync.step(after=handle_kafka_message)
    def fetch_from_api() -> None:
        """Fetches full BOM data from external API."""

    @bom_sync.step(after=fetch_from_api)
    def sync_to_database() -> None:
        """Syncs BOM parts to local database."""


def observed() -> None:
    """Declare what observed.jsonl was counted of."""
    checkout = flow("checkout", doc="A week in one shop, as it was counted.")

    @checkout.entrypoint
    def place_order() -> None:
        """Takes the basket."""

    @checkout.entrypoint
    def order_by_phone() -> None:
        """Takes what a caller says."""

    @checkout.step(after=[place_order, order_by_phone])
    def check_credit() -> None:
        """Asks the credit bureau."""

    @checkout.step(after=check_credit)
    def charge_card() -> None:
        """Charges the customer's card."""

    @queued(checkout, after=charge_card)
    def send_receipt() -> None:
        """Mails the receipt."""

    @checkout.step(after=send_receipt)
    def refund() -> None:
        """Gives the money back."""


def branch() -> None:
    """Declare two steps side by side, and one that joins them."""
    order_processing = flow("order_processing", doc="From the click to the confirmation.")

    @order_processing.entrypoint
    def validate_order() -> None:
        """Checks stock, address and credit."""

    @order_processing.step(after=validate_order)
    async def charge_payment() -> None:
        """Charges the customer's card."""

    @order_processing.step(after=validate_order)
    def reserve_inventory() -> None:
        """Takes the parts off the shelf."""

    @queued(order_processing, after=[charge_payment, reserve_inventory])
    def send_confirmation() -> None:
        """Mails what was ordered, and when it will arrive."""


def entrypoints() -> None:
    """Declare three ways in, and a predecessor that does not exist."""
    user_update = flow("user_update", doc="However a user's data changes, it changes here.")

    @user_update.entrypoint
    async def handle_api_request() -> None:
        """User updates via REST API."""

    @user_update.entrypoint
    def handle_admin_action() -> None:
        """User updates via internal tool."""

    @user_update.entrypoint
    def import_csv() -> Iterator[None]:
        """Yields one update for each row of a nightly file."""
        yield

    @user_update.step(after=[handle_api_request, handle_admin_action, import_csv])
    def process_user_update() -> None:
        """Common processing for user updates."""

    @queued(user_update, after=[process_user_update])
    def publish_change() -> None:
        """Tells the other services."""

    @user_update.step(after=["process_user_update", "legacy_hook"])
    def write_audit_log() -> None:
        """Keeps who changed what."""


def fan() -> None:
    """Declare a step that starts thirteen others."""
    intake = flow("document_intake", doc="Everything that is read from an uploaded document.")

    @intake.entrypoint
    def receive_upload() -> None:
        """Takes one uploaded document."""

    for what in (
        *("thumbnail", "preview", "text_layer", "language", "virus_scan", "checksum", "metadata"),
        *("barcode", "signature", "page_count", "fonts", "outline", "links"),
    ):
        declare_step(intake, f"extract_{what}", ["receive_upload"], call_kind="task")


def diamonds() -> None:
    """Declare branches that branch again, and join again."""
    nightly_build = flow("nightly_build", doc="Two halves that are built side by side.")
    declare_step(nightly_build, "checkout", [], kind="entrypoint")
    for half, parts in (
        ("backend", ("unit_tests", "migrations")),
        ("frontend", ("bundle", "screenshots")),
    ):
        declare_step(nightly_build, half, ["checkout"])
        for part in parts:
            declare_step(nightly_build, part, [half])
        declare_step(nightly_build, f"{half}_image", list(parts))
    declare_step(nightly_build, "publish", ["backend_image", "frontend_image"])


def long_edges() -> None:
    """Declare a chain whose steps also need what was made much earlier."""
    checkout = flow("checkout", doc="From the cart to the receipt.")

    @checkout.entrypoint
    def open_cart() -> None: ...

    @checkout.step(after=open_cart)
    def price_items() -> None:
        """Adds up the lines."""

    @checkout.step(after=price_items)
    def apply_vouchers() -> None: ...

    @checkout.step(after=[apply_vouchers, open_cart])
    def compute_tax() -> None:
        """By country of delivery."""

    @checkout.step(after=compute_tax)
    async def authorise() -> None: ...

    @checkout.step(after=[authorise, price_items])
    async def capture() -> None:
        """Takes the money."""

    @checkout.step(after=[capture, open_cart, compute_tax])
    def receipt() -> None: ...


def cycle() -> None:
    """Declare a step that is tried again, and one that follows itself."""
    payment_retry = flow("payment_retry", doc="Asks the bank until it knows.")

    @payment_retry.entrypoint
    def submit() -> None:
        """Sends the payment to the bank."""

    @payment_retry.step(after=["submit", "wait"])
    async def poll_status() -> None:
        """Asks the bank how it went."""

    @payment_retry.step(after=poll_status)
    def wait() -> None: ...

    @payment_retry.step(after=poll_status)
    def settle() -> None: ...

    @payment_retry.step(after=["submit", "tick"])
    def tick() -> None:
        """Counts the tries."""

    @payment_retry.step(after=[submit, tick])
    def give_up() -> None: ...


def isolated() -> None:
    """Declare steps that nothing joins."""
    maintenance = flow("maintenance", doc="What runs at night, in any order.")

    @maintenance.entrypoint
    def begin() -> None: ...

    @maintenance.step(after=begin)
    def rebuild_index() -> None: ...

    @maintenance.step
    def vacuum() -> None:
        """Frees dead rows."""

    @maintenance.step
    def rotate_keys() -> None: ...

    @maintenance.step
    async def warm_cache() -> AsyncIterator[None]:
        yield

    @queued(maintenance)
    def expire_sessions() -> None:
        """Drops what nobody used for a month."""


def system() -> None:  # noqa: C901 -- many functions, no branches
    """Declare four flows, and links between them."""
    checkout = flow("checkout", doc="From the cart to the confirmation.")
    fulfilment = flow("fulfilment")
    billing = flow("billing", doc="Invoices and reminders.")
    analytics = flow("analytics")

    @checkout.entrypoint
    def place_order() -> None:
        """Takes the cart."""

    @checkout.step(after=place_order)
    async def charge() -> None: ...

    @checkout.step(after=charge)
    def confirm() -> None: ...

    @fulfilment.entrypoint(after="checkout:confirm")
    def pick_parts() -> None:
        """Walks the shelves."""

    @fulfilment.step(after=pick_parts)
    def pack() -> None: ...

    @queued(fulfilment, after=[pack])
    def ship() -> None:
        """Books the carrier."""

    @billing.entrypoint(after="checkout:charge")
    def write_invoice() -> None: ...

    @queued(billing, after=[write_invoice])
    def send_invoice() -> None: ...

    @billing.step(after=send_invoice)
    def remind() -> None:
        """Asks again, politely."""

    @analytics.entrypoint(after=["checkout:place_order", "fulfilment:ship"])
    def collect() -> None:
        """One event a row."""

    @analytics.step(after=collect)
    def aggregate() -> None: ...


def big() -> None:
    """Declare 150 steps, each after one or two of those shortly before it."""
    warehouse = flow("warehouse", doc="Every table, from the raw events to the dashboards.")
    chance = random.Random(4)  # noqa: S311 -- the same flow every time
    names: list[str] = []
    for number in range(150):
        verb = chance.choice(("load", "clean", "join", "score", "merge", "emit"))
        first = max(0, number - 25)
        many = chance.choice((1, 1, 1, 2)) if number else 0
        after = sorted({names[chance.randrange(first, number)] for _ in range(many)})
        kind = "step" if number else "entrypoint"
        call = chance.choice((None, None, None, "coroutine", "task"))
        doc = chance.choice((None, None, "Does one thing well."))
        names.append(f"{verb}_{number:03}")
        declare_step(warehouse, names[-1], after, kind=kind, call_kind=call, doc=doc)


def any_name() -> None:
    """Declare steps whose names are no identifiers."""
    owner = flow("受注処理", doc="どんな文字列でも名前になります。")
    first = "注文を受け付ける"
    declare_step(
        owner,
        first,
        [],
        kind="entrypoint",
        doc="お客様からの注文をキューから読み取り、検証します。",
    )
    declare_step(owner, "<lambda>", [first], doc='&amp; <b>not bold</b> ]]> --> "quoted"')
    rocket = "👩‍🚀 launch 🇯🇵"
    declare_step(owner, rocket, [first], call_kind="task", doc="Emoji, joined and flagged. 🎉")
    arabic = "مرحبا بالعالم"
    declare_step(owner, arabic, [rocket], doc="من اليمين إلى اليسار")
    declare_step(owner, "end\nwith\ttabs\x00", ["<lambda>"], call_kind="coroutine")
    declare_step(
        owner,
        "synchronise_purchase_orders_to_warehouseManagementSystem_and_then_some",
        ["<lambda>", arabic],
        doc="A first line that is much longer than anyone should write, and goes on and on.",
    )
    declare_step(owner, "'; DROP TABLE steps; --", ["<lambda>"])


def labels() -> None:
    """Declare a flow whose edges have labels."""
    owner = flow("fulfilment", doc="What happens to an order, and when.")
    declare_step(owner, "choose", [], kind="entrypoint")
    declare_step(owner, "reserve", {"choose": "in stock"})
    declare_step(owner, "reorder", {"choose": "sold out"}, call_kind="task")
    declare_step(owner, "pack", {"reserve": None, "reorder": "goods arrived"})
    declare_step(owner, "refund", {"reorder": "no answer within a week"}, call_kind="coroutine")
    declare_step(owner, "retry", {"pack": "on error", "retry": "three times"})


def declare_step(
    owner: Flow,
    name: str,
    after: Sequence[str] | Mapping[str, str | None],
    *,
    kind: str = "step",
    call_kind: str | None = None,
    doc: str | None = None,
) -> None:
    """Declare a step that has no code."""

    def nothing() -> None: ...

    nothing.__name__ = nothing.__qualname__ = name
    nothing.__doc__ = doc
    declare(nothing, kind, after=after, name=name, flow=owner, call_kind=call_kind)
