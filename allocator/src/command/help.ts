// Help texts, each with examples that run as they stand.

const PLAN_FLAGS = `
  --drives FILE        drives or drive types as JSON (default: 4 TB, 60 MB/s, as many as needed)
  --headroom SHARE     keep this much of every resource free: 10%, or bytes=10%,bandwidth_bps=20%
  --replicas N         copies of every range (default 1)
  --reads tail|shared  who serves reads: the last of the chain, or all alike (default tail)
  --domain FIELD       field of a drive that keeps replicas apart: zone, rack, host (default zone)
  --percentile P99     take the bandwidth from column bps_p99`;

export const HELP: Readonly<Record<string, string>> = {
  '': `Usage: piton-allocate COMMAND [ARGUMENTS]

Packs key ranges onto the fewest drives, with a proof, and with the smallest index.

Commands:
  plan      place ranges on drives
  replan    adapt a plan to new statistics or drives with the fewest bytes moved
  explain   say why: so many drives, this drive, this key
  verify    check a plan and its proofs independently
  diff      what two plans place differently
  simulate  how a plan fares while its ranges change
  bound     how many drives are needed at least
  generate  make workloads and instances of the packing literature
  bench     plan every .vbp file of a folder

  --help, --version

Example:
  piton-allocate generate ycsb --ranges 100000 --target-drives 50 -o ranges.csv
  piton-allocate plan ranges.csv -o plan.json
  piton-allocate verify plan.json ranges.csv

Exit status: 0 fine, 1 the plan has faults, 2 usage, 3 bad input, 4 proved infeasible, 5 no plan found
`,
  plan: `Usage: piton-allocate plan RANGES [options]

RANGES is CSV (start,end,bytes,read_bps,write_bps[,replicas,drive,pin,group,split_keys]), NDJSON, or .vbp; - is standard input
(--format csv|ndjson|vbp). Quantities take units: 64MiB, 60MB/s, 480Mbit/s.
${PLAN_FLAGS}
  --objective O        drives: fewest; balanced: one or up to 0.2 % more to save index entries; index: fewest
                       entries; even: all drives, evenly (default drives)
  --max-drives N       fail rather than use more
  --pareto             also the trade-off: index entries for each number of drives worth having
  --split              cut ranges that fit no drive at their split keys (column split_keys: keys, with spaces between, that
                       cut the range into parts of like load; its median for instance)
  --survive drive|zone check that the loss of any one can be absorbed
  --time-limit 5s      stop searching then and give the best plan so far
  --steps N            work the search may do (default 1000000000); plans repeat exactly without a time limit
  --seed N             seed of the search (default 1)
  --solver highs|none  linear solver for proofs and covers of coarse instances (default highs where it pays)
  -o, --output FILE    the plan as JSON
  --index FILE         index entries as CSV: start,drives
  --plot FILE          picture, .svg or .html: drives against their capacity, the key space by drive, the trade-off
                       (for single copies, as with --pareto)
  --json               the plan as JSON on standard output
  --quiet              no summary

SIGINT stops the search and gives the best plan so far.

Examples:
  piton-allocate plan ranges.csv --drives drives.json --headroom 10% -o plan.json
  piton-allocate plan ranges.csv --replicas 3 --domain rack --drives drives.json --survive drive
  piton-allocate generate ct --class 6 --items 100 | piton-allocate plan - --format vbp --time-limit 5s
`,
  replan: `Usage: piton-allocate replan PLAN RANGES [options]

Adapts PLAN (or, with PLAN given as "current", the drive column of RANGES) to the statistics in RANGES and the drives now.
Replicas, reads and headroom are those of PLAN unless they are given.
${PLAN_FLAGS}
  --balance            also level the load, not only mend what is over capacity
  --threshold SHARE    do not move for less; relieve that far below the limit (default 2%)
  --shrink             empty drives that are not needed
  --max-move-bytes B   move at most so much, 2TB for instance
  --max-moves N        move at most so many copies
  --max-index-growth G let moves by choice add at most so many index entries: 5% of them, or a number
  --moves-per-drive N  moves a drive takes part in at the same time (default: no limit)
  --done N             the first N moves of PLAN were carried out already: start from there
  -o, --output FILE    the new plan with its moves as JSON
  --moves FILE         the moves as NDJSON, in an order that is safe to stop anywhere
  --json, --quiet

Example:
  piton-allocate replan plan.json today.csv --drives drives.json --max-move-bytes 2TB --moves moves.ndjson -o next.json
`,
  explain: `Usage: piton-allocate explain PLAN [--range KEY] [--drive ID] [--why-not-fewer]
                              [--without ID --ranges RANGES --drives DRIVES]

Without an option: why so many drives. --range with --ranges also says which other drives could hold it and what speaks
against the rest. --without says what it would take to lose or remove a drive.

Examples:
  piton-allocate explain plan.json
  piton-allocate explain plan.json --range user000017 --ranges ranges.csv
  piton-allocate explain plan.json --why-not-fewer
`,
  verify: `Usage: piton-allocate verify PLAN RANGES [--drives FILE] [--domain FIELD] [--percentile P99]
                             [--before PLAN] [--json]

Checks every range, replica, zone, capacity and figure of the plan, and proves its bounds again, with code that the planner
does not share. RANGES must be the file that the plan was made from. Exit status 1 when anything does not hold.

  --before PLAN        also carry out the plan's moves, beginning with this plan, and check every step

Examples:
  piton-allocate verify plan.json ranges.csv --drives drives.json
  piton-allocate verify next.json tomorrow.csv --before plan.json
`,
  diff: `Usage: piton-allocate diff PLAN PLAN [--ranges RANGES] [--json]

Which stretches of keys the second plan places differently, and which drives only one of them uses. With --ranges also how
many bytes get another drive.

Example:
  piton-allocate diff plan.json next.json --ranges ranges.csv
`,
  simulate: `Usage: piton-allocate simulate PLAN RANGES [options]

Lets the ranges change step by step and mends the plan after each: what moves, what had to, how the index grows. Also says
after how many steps the first drive would be full if nothing moved.

  --drives FILE        drives or drive types as JSON
  --steps N            (default 24)
  --growth SHARE       by which bytes grow per step (default 0.2%)
  --volatility SHARE   spread of traffic per step (default 10%)
  --heat FACTOR        traffic of the stretch that is hot in a step (default 3)
  --threshold SHARE    relieve drives that far below their limit (default 2%)
  --balance            also level the load
  --seed N             (default 1)
  --json

Example:
  piton-allocate simulate plan.json ranges.csv --steps 48 --growth 0.5%
`,
  bench: `Usage: piton-allocate bench FOLDER [--time-limit 10s] [--steps N] [--seed N] [--solver highs|none] [--json]

Plans every .vbp file in the folder and prints drives, distance to the bound and time, for comparison with results that
others have published for the same files.

Example:
  piton-allocate bench instances/ --time-limit 5s
`,
  bound: `Usage: piton-allocate bound RANGES [options]

Lower bounds on the number of drives, each with its argument, without planning.
${PLAN_FLAGS}
  --exact              also column generation (needs the linear solver)
  --json

Example:
  piton-allocate bound ranges.csv --headroom 10%
`,
  generate: `Usage: piton-allocate generate KIND [options]

Workloads as CSV: ycsb, ycsb-scrambled, mixgraph, twitter, adversarial, perfect, paper-kv, drift
  --ranges N           number of ranges (default 100000)
  --target-drives N    drives of 4 TB and 60 MB/s that they should need (default 100)
  --cap SHARE          largest share of a drive that a range takes (default 0.5%)
  --value-size BYTES   paper-kv: size of a pair, 1KiB to 1MiB (default 64KiB)
  --step N             drift: the workload after N of 24 steps (default 1)

Instances as .vbp: ct (Caprara and Toth), mommessin
  --class C            ct: 1 to 10; mommessin: P1-P9, I1-I6, TF, TC
  --items N            number of items (default 100)
  --resources D        mommessin: number of resources (default 2)

  --seed N             (default 1)
  -o, --output FILE    (default standard output)

Examples:
  piton-allocate generate perfect --ranges 1000000 --target-drives 200 -o perfect.csv
  piton-allocate generate mommessin --class TC --items 120 --resources 3 -o tc.vbp
`,
};
