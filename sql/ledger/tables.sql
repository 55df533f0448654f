-- The ledger: what was decided, claimed, delivered and shown. It holds keyed HMACs, never an identity.
-- All of it may run again on a ledger of an earlier version, and adds what that lacks (ALTER … IF NOT EXISTS).
-- Claims are made by anti-join under the run's lock: a unique index would grow with history and cost six times as much.
-- Keys are 32 digits of chance, in which DuckDB finds nothing to make smaller: to look for it takes four times as long as to write.

-- How the tables are built: the latest row is the version that they are in.
-- As in: SELECT max(number) FROM schema_version
CREATE TABLE IF NOT EXISTS schema_version (number INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL);

-- One row per run that delivers. state: delivering, delivered, abandoned (its plan could not be finished any more).
-- As in: SELECT run_id, people_count FROM run WHERE state = 'delivered' ORDER BY started_at DESC LIMIT 7
CREATE TABLE IF NOT EXISTS run (
    run_id VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    state VARCHAR NOT NULL,
    plan_digest VARCHAR NOT NULL,
    people_count BIGINT NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    source_rows JSON NOT NULL,              -- table -> rows: the next run compares
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    source_columns JSON,                    -- table -> column -> type: it compares these too
    global_holdout DOUBLE,                  -- the share of people who got nothing of marketing at all; null in earlier runs
    goes_by VARCHAR                         -- not about everybody: the run whose crowds and prices held; null: there was none, or all
);
ALTER TABLE run ADD COLUMN IF NOT EXISTS source_columns JSON;
ALTER TABLE run ADD COLUMN IF NOT EXISTS global_holdout DOUBLE;
ALTER TABLE run ADD COLUMN IF NOT EXISTS goes_by VARCHAR;

-- How many people the segment of each product that a run delivered named, of runs over everybody: the next run compares.
-- As in: SELECT as_of, row_count, open_count FROM segment_count JOIN run USING (run_id) WHERE product = 'care_guide' ORDER BY as_of
CREATE TABLE IF NOT EXISTS segment_count (
    run_id VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    row_count BIGINT NOT NULL,              -- people, or people and subject
    open_count BIGINT NOT NULL              -- of these, whom consent, suppressions, exclusions and addresses let speak to
);

-- One row per decision that a run acted on: winners, and those who were held out (reason HOLDOUT).
-- As in: SELECT product, variant, count(*) FROM decision WHERE as_of = current_date GROUP BY ALL
CREATE TABLE IF NOT EXISTS decision (
    decision_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    run_id VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    brand VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    subject_key VARCHAR USING COMPRESSION uncompressed,
    message_type VARCHAR NOT NULL,
    variant VARCHAR,
    propensity DOUBLE NOT NULL,             -- probability of the draws that led here
    score DOUBLE NOT NULL,
    reason VARCHAR,                         -- HOLDOUT, or null
    valid_until TIMESTAMP NOT NULL,
    channel VARCHAR,                        -- the one of first_of that carries it, or would have; null where there is none
    drawn_level TINYINT,                    -- the detail level that a test drew; null where none did
    is_held_of_all BOOLEAN                  -- marketing: whether the global holdout holds the person; null before
);
ALTER TABLE decision ADD COLUMN IF NOT EXISTS channel VARCHAR;
ALTER TABLE decision ADD COLUMN IF NOT EXISTS drawn_level TINYINT;
ALTER TABLE decision ADD COLUMN IF NOT EXISTS is_held_of_all BOOLEAN;

-- One row per decision of marketing for which the setting next_best chose among helps: how likely each was to be given.
-- As in: SELECT product, avg(list_max(chances)) FROM choice WHERE is_given GROUP BY product
CREATE TABLE IF NOT EXISTS choice (
    decision_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    as_of DATE NOT NULL,
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    brand VARCHAR NOT NULL,
    product VARCHAR NOT NULL,               -- the one that was chosen
    is_given BOOLEAN NOT NULL,              -- false where the person was held out
    among VARCHAR[] NOT NULL,               -- the helps that were open
    chances DOUBLE[] NOT NULL,              -- the probability that each of them is given, once any is decided on
    nothing DOUBLE NOT NULL,                -- the probability that the person is held out then
    share DOUBLE NOT NULL,                  -- the probability that any is decided on
    by_rules VARCHAR NOT NULL,              -- the one that is the most relevant by the products' rules
    contexts STRUCT(name VARCHAR, value VARCHAR)[] NOT NULL,
    signals STRUCT(name VARCHAR, strength DOUBLE)[] NOT NULL  -- what its relevance was made of: each is weighted in product.yaml
);

-- One row per message that may leave. Released claims are deleted; the batch keeps their number.
-- As in: SELECT person_key, count(*) FROM claim WHERE message_type = 'marketing' GROUP BY ALL HAVING count(*) > 3
CREATE TABLE IF NOT EXISTS claim (
    message_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    decision_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    lane VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    batch_id VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    brand VARCHAR NOT NULL,
    product VARCHAR NOT NULL,
    subject_key VARCHAR USING COMPRESSION uncompressed,
    message_type VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    address_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    claimed_at TIMESTAMP NOT NULL
);

-- One row per batch. state: claimed, sealed, published, aborted, hold; what the other end tells: loaded, sent, failed, lapsed; and
-- lost: in the outbox, but not in the backup that this ledger was restored from. kind: message, state, or recall (messages that
-- must not be sent any more). Rows are kept for good.
-- As in: SELECT batch_id, row_count FROM batch WHERE state = 'hold'
CREATE TABLE IF NOT EXISTS batch (
    batch_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    target VARCHAR NOT NULL,
    brand VARCHAR NOT NULL,
    channel VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    number INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    row_count BIGINT NOT NULL,
    manifest_sha256 VARCHAR,
    boot_id VARCHAR,
    valid_until TIMESTAMP NOT NULL,
    claimed_at TIMESTAMP NOT NULL,
    sealed_at TIMESTAMP,
    published_at TIMESTAMP,
    reason VARCHAR,                         -- why it was aborted or is on hold
    released_count BIGINT DEFAULT 0,        -- claims that are gone: it failed or lapsed, people were forgotten, or it is lost
    corrects VARCHAR                        -- the batch whose recipients it tells once more, on purpose
);
ALTER TABLE batch ADD COLUMN IF NOT EXISTS released_count BIGINT DEFAULT 0;
ALTER TABLE batch ADD COLUMN IF NOT EXISTS corrects VARCHAR;

-- One row per message in a sealed batch; its state is the batch's until an acknowledgement or an outcome says more.
-- As in: SELECT creative_id, count(*) FROM delivery GROUP BY creative_id ORDER BY 2 DESC LIMIT 10
CREATE TABLE IF NOT EXISTS delivery (
    message_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    batch_id VARCHAR NOT NULL,
    decision_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    creative_id VARCHAR NOT NULL,
    valid_until TIMESTAMP NOT NULL
);

-- One row per copy for a seed address in a sealed batch: neither claimed nor counted.
-- As in: SELECT batch_id, count(*) FROM seed GROUP BY batch_id
CREATE TABLE IF NOT EXISTS seed (message_id VARCHAR NOT NULL, batch_id VARCHAR NOT NULL);

-- One row per message that was called back, since it must not be sent any more. Its claim stays: nobody knows that it was not.
-- As in: SELECT reason, count(*) FROM recall GROUP BY reason
CREATE TABLE IF NOT EXISTS recall (
    message_id VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,              -- that calls it back
    recalled_batch_id VARCHAR NOT NULL,     -- that it is in; the same where it had not left for its other end yet
    reason VARCHAR NOT NULL                 -- what bars the person now (reasons.py), ended, forgotten, or by hand
);

-- One row per message in a sealed batch: which of the person's data it used, and by which right.
-- As in: SELECT facts, count(*) FROM receipt WHERE product = 'care_guide' GROUP BY facts
CREATE TABLE IF NOT EXISTS receipt (
    message_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    batch_id VARCHAR NOT NULL,
    as_of DATE NOT NULL,
    product VARCHAR NOT NULL,
    product_version INTEGER NOT NULL,
    level TINYINT NOT NULL,
    facts VARCHAR[] NOT NULL,               -- dimensions, in the product's order
    because VARCHAR[],                      -- dimensions that the person can tell from getting it at all
    facts_at STRUCT(dimension VARCHAR, "at" TIMESTAMP)[],   -- as of when each was known
    words_sha256 VARCHAR NOT NULL,          -- of the template file
    sources_sha256 VARCHAR,                 -- which columns are behind the facts: `source`; null where the words use none
    consent_key VARCHAR USING COMPRESSION uncompressed, -- HMAC of the consent event relied on; null for service messages, which need none
    consent_checked_at TIMESTAMP NOT NULL
);
ALTER TABLE receipt ADD COLUMN IF NOT EXISTS because VARCHAR[];
ALTER TABLE receipt ADD COLUMN IF NOT EXISTS facts_at STRUCT(dimension VARCHAR, "at" TIMESTAMP)[];
ALTER TABLE receipt ADD COLUMN IF NOT EXISTS sources_sha256 VARCHAR;
ALTER TABLE receipt ADD COLUMN IF NOT EXISTS consent_key VARCHAR;

-- The columns of the warehouse that decide what a fact says, as traced through the segment's SQL.
-- As in: SELECT DISTINCT columns FROM source WHERE dimension = 'last_order'
CREATE TABLE IF NOT EXISTS source (sources_sha256 VARCHAR NOT NULL, dimension VARCHAR NOT NULL, columns VARCHAR[] NOT NULL);

-- What a brand has shown to whom: the last day of each dimension (what comes of `because` too), for ninety days.
-- A row of an earlier day goes when the batch of a later one is published, so that a batch that is undone has shown nothing.
-- As in: SELECT dimension, count(*) FROM exposure WHERE brand = 'nordtal' AND shown_on > current_date - 30 GROUP BY dimension
CREATE TABLE IF NOT EXISTS exposure (
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    brand VARCHAR NOT NULL,
    dimension VARCHAR NOT NULL,
    shown_on DATE NOT NULL,
    batch_id VARCHAR NOT NULL
);

-- A number for each digest of all resolved inputs of a product, from its first delivery on; content/<digest>/ has them.
-- As in: SELECT number, first_delivered_at FROM product_version WHERE product = 'care_guide'
CREATE TABLE IF NOT EXISTS product_version (
    product VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    first_delivered_at TIMESTAMP NOT NULL
);

-- What was found of a product at the last look of a day that was kept: shares and intervals of many, and nothing of a person.
-- As in: SELECT as_of, verdict, lift_low, lift_high FROM readout WHERE product = 'care_guide' ORDER BY as_of
CREATE TABLE IF NOT EXISTS readout (
    product VARCHAR NOT NULL,
    product_version INTEGER,                -- null: what was there then was never delivered
    as_of DATE NOT NULL,                    -- the day of the look
    since DATE,                             -- the first day of the decisions that were compared; null: there is none
    until DATE,                             -- the last one whose time was over
    verdict VARCHAR NOT NULL,               -- HELPS_AND_SELLS, …, NOT_SURE
    metric VARCHAR NOT NULL,                -- that says whether it helped; so do the next three:
    lift DOUBLE,                            -- of all who were decided for, against who was held out; null: there is no answer
    lift_low DOUBLE,                        -- where it lies, however often anybody looks; null: no answer, or no end
    lift_high DOUBLE,
    alarms VARCHAR[] NOT NULL,              -- guardrails that are worse: 'complained, treated'
    found JSON,                             -- all of it, as justenough readout --json tells it; of a product's last look alone
    read_at TIMESTAMP NOT NULL
);

-- What a readout proposes. state: open, accepting (a person has, and it is being done), accepted, withdrawn (no longer found).
-- What has ended stays; where it is found again it is another row of the same id.
-- As in: SELECT proposal_id, product, says FROM proposal WHERE state = 'open'
CREATE TABLE IF NOT EXISTS proposal (
    proposal_id VARCHAR NOT NULL,           -- of the product, its version, kind and what
    product VARCHAR NOT NULL,
    product_version INTEGER,                -- null: what was there then was never delivered
    kind VARCHAR NOT NULL,                  -- scale, stop, keep_testing, use_less_data
    what VARCHAR NOT NULL,                  -- what that is about: variant list, level 0, holdout, product, …
    says VARCHAR NOT NULL,                  -- in a sentence
    reach_change BIGINT,                    -- how many people more it would speak to in thirty days; null: few, or nobody can tell
    evidence JSON NOT NULL,                 -- the contrasts that it rests on
    edits JSON NOT NULL,                    -- what acceptance changes in product.yaml
    about JSON NOT NULL,                    -- what product.yaml has to say still for it to be about what is there
    state VARCHAR NOT NULL,
    made_at TIMESTAMP NOT NULL,
    renewed_at TIMESTAMP NOT NULL,          -- of the last look that found the same
    ended_at TIMESTAMP
);

-- Who has let what leave, and what was delivered before; append-only. `mac` is made of all of a row under the workspace's key: a row
-- that was written, or changed, by hand counts as nothing.
-- As in: SELECT subject, approver, approved_at FROM approval WHERE kind = 'plan' ORDER BY approved_at DESC
CREATE TABLE IF NOT EXISTS approval (
    kind VARCHAR NOT NULL,                  -- plan, words; what the program notes itself: delivered (a version), reached (people), frozen (crowds, prices)
    subject VARCHAR NOT NULL,               -- the run, or the product
    digest VARCHAR NOT NULL,                -- of plan.json, of the words, of all inputs of the product, or of a run's crowds
    people_count BIGINT,                    -- of a plan
    locale VARCHAR,                         -- of words
    role VARCHAR,                           -- in which they were signed: legal, brand, …
    approver VARCHAR,                       -- who; null where nobody was asked
    parts VARCHAR,                          -- JSON: what words are made of -> its digest; brand/channel -> its price in a run
    approved_at TIMESTAMP NOT NULL,
    mac VARCHAR NOT NULL,
    account VARCHAR                         -- of the operating system, under which the approver said so; null in earlier rows
);
ALTER TABLE approval ADD COLUMN IF NOT EXISTS account VARCHAR;

-- People who asked to be forgotten: enough to never speak to them again.
-- As in: SELECT count(*) FROM tombstone WHERE erased_at > now()::TIMESTAMP - INTERVAL 30 DAY
CREATE TABLE IF NOT EXISTS tombstone (person_key VARCHAR NOT NULL, key_id VARCHAR NOT NULL, erased_at TIMESTAMP NOT NULL);

-- Every notice of the inbox, append-only: what people and platforms told us, beside sql/consent.sql. The latest of both holds.
-- As in: SELECT state, count(*) FROM consent_event WHERE channel IN ('email', '*') GROUP BY state
CREATE TABLE IF NOT EXISTS consent_event (
    event_id VARCHAR NOT NULL,              -- file, time and line of the notice
    person_key VARCHAR USING COMPRESSION uncompressed, -- null where it is about an address, or a message that nobody knows
    message_id VARCHAR USING COMPRESSION uncompressed,
    brand VARCHAR NOT NULL,                 -- '*' is all, as for channel and topic
    channel VARCHAR NOT NULL,
    topic VARCHAR NOT NULL,
    state VARCHAR NOT NULL,                 -- no, yes, pending, snooze, bounced, complained
    happened_at TIMESTAMP NOT NULL,
    until TIMESTAMP,
    source VARCHAR,
    wording VARCHAR,
    drain BIGINT NOT NULL,                  -- which emptying of the inbox brought it, counted from 1
    received_at TIMESTAMP NOT NULL
);

-- Addresses that get nothing any more, for good. What is in sql/suppressions.sql stays there.
-- As in: SELECT reason, channel, count(*) FROM suppression GROUP BY ALL
CREATE TABLE IF NOT EXISTS suppression (
    event_id VARCHAR NOT NULL,
    form_key VARCHAR NOT NULL,              -- HMAC of a form of the address, or claim.address_key
    brand VARCHAR NOT NULL,                 -- '*' is all, as for channel
    channel VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,                -- no, bounced, complained; listed: on the list of a platform
    source VARCHAR,                         -- the target whose list it was on
    drain BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL
);

-- When the suppression list of a platform was last compared with ours; append-only.
-- As in: SELECT target, max(reconciled_at) FROM reconciliation GROUP BY target
CREATE TABLE IF NOT EXISTS reconciliation (
    target VARCHAR NOT NULL,
    brand VARCHAR NOT NULL,                 -- '*' is all
    listed_count BIGINT NOT NULL,           -- addresses on the platform's list
    added_count BIGINT NOT NULL,            -- of these, new to us
    gone_count BIGINT NOT NULL,             -- on its earlier lists, and on this one no more; they stay suppressed
    missing_count BIGINT NOT NULL,          -- barred by us, and not on its list
    reconciled_at TIMESTAMP NOT NULL
);

-- One row per sealed batch of a target whose batches are carried to another end; what is on its way is known file by file.
-- state: waiting (nothing of it is there), carrying, carried, hold (a person has to look), given_up (failed or lapsed here).
-- As in: SELECT batch_id, reason FROM carriage WHERE state = 'waiting'
CREATE TABLE IF NOT EXISTS carriage (
    batch_id VARCHAR NOT NULL,
    destination VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    drain BIGINT NOT NULL,                  -- the latest emptying of the inbox when it was sealed
    begun VARCHAR[] NOT NULL,               -- files that may have been revealed there
    arrived VARCHAR[] NOT NULL,             -- of these, the ones that were
    reason VARCHAR,                         -- why it is not carried
    noted_at TIMESTAMP NOT NULL
);

-- What the other end told of a batch, or of single messages in it; append-only.
-- As in: SELECT state, count(*) FROM acknowledgement WHERE batch_id = 'ses-2026-11-22-1' GROUP BY state
CREATE TABLE IF NOT EXISTS acknowledgement (
    batch_id VARCHAR NOT NULL,
    message_id VARCHAR,                     -- null: all of the batch
    state VARCHAR NOT NULL,                 -- loaded, sent, failed, lapsed
    received_at TIMESTAMP NOT NULL
);

-- What people did, by files and by sql/outcomes/: one row for each event_id, whichever came first.
-- As in: SELECT outcome, count(*), sum(value) FROM outcome WHERE happened_at >= '2026-11-01' GROUP BY outcome
CREATE TABLE IF NOT EXISTS outcome (
    event_id VARCHAR NOT NULL USING COMPRESSION uncompressed, -- HMAC of the source's own id, or of what it told where it gives none
    happened_at TIMESTAMP NOT NULL,
    outcome VARCHAR NOT NULL,               -- visited, ordered, care_contact, helpful, unsubscribed, …
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    message_id VARCHAR USING COMPRESSION uncompressed, -- the message that it is about, where one was named
    value DOUBLE,                           -- what it was worth, where it was worth something
    channel VARCHAR,
    source VARCHAR NOT NULL,                -- which adapter, or which file of sql/outcomes/, told of it
    received_at TIMESTAMP NOT NULL
);

-- What scanners of links did, as far as one can tell: as `outcome`, and no part of it. A row moves over when what is known of the
-- message's arrival changes that.
-- As in: SELECT source, count(*) FROM scan GROUP BY source
CREATE TABLE IF NOT EXISTS scan (
    event_id VARCHAR NOT NULL USING COMPRESSION uncompressed,
    happened_at TIMESTAMP NOT NULL,
    outcome VARCHAR NOT NULL,
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    message_id VARCHAR USING COMPRESSION uncompressed,
    value DOUBLE,
    channel VARCHAR,
    source VARCHAR NOT NULL,
    received_at TIMESTAMP NOT NULL
);

-- What people did that a run has answered: each event is answered once. It counts only if the run was not abandoned.
-- As in: SELECT event, count(*) FROM event WHERE answered_at > now()::TIMESTAMP - INTERVAL 1 DAY GROUP BY event
CREATE TABLE IF NOT EXISTS event (
    event_id VARCHAR NOT NULL USING COMPRESSION uncompressed, -- HMAC of the source's own id
    run_id VARCHAR NOT NULL,
    person_key VARCHAR NOT NULL USING COMPRESSION uncompressed,
    event VARCHAR NOT NULL,                 -- order_placed, basket_left, …
    channel VARCHAR,                        -- by which they came in, as the source tells it
    happened_at TIMESTAMP NOT NULL,
    answered_at TIMESTAMP NOT NULL
);

-- When a message arrived, by what its platform tells: the earliest that it told.
-- As in: SELECT count(*) FROM delivery SEMI JOIN arrival USING (message_id)
CREATE TABLE IF NOT EXISTS arrival (message_id VARCHAR NOT NULL USING COMPRESSION uncompressed, arrived_at TIMESTAMP NOT NULL);

-- Under which key the keys of people and addresses are: the latest row. Before the first it is the oldest of the key file.
-- As in: SELECT key_id FROM key_use ORDER BY since DESC LIMIT 1
CREATE TABLE IF NOT EXISTS key_use (key_id VARCHAR NOT NULL, since TIMESTAMP NOT NULL);

-- One row each time that a ledger from a backup was accepted on purpose: how much of what had happened it did not know.
-- As in: SELECT accepted_at, missing FROM restored
CREATE TABLE IF NOT EXISTS restored (missing BIGINT NOT NULL, accepted_at TIMESTAMP NOT NULL);
