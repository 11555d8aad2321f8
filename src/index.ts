/**
 * The public API: the pure core from facts to findings, and the two ways of getting facts (a bundle, this host).
 * In: text, bytes and values. Out: plain immutable values, each type documented where it is made.
 * What is not listed here is internal and may change in any release; nothing listed here changes a host.
 */

// Facts: a bundle or this host, read.
export { type CaptureTarget, captureFacts } from './bundle/capture.ts';
export type { SandboxTarget } from './bundle/docker-api.ts';
export { BundleError, CaptureError } from './bundle/error.ts';
export { type ReadOptions, readBundle } from './bundle/read.ts';
// Diagnosis: what is wrong, why, and what would repair it.
export { type Cause, causes, isCause } from './diagnosis/causes.ts';
export { type DiagnoseInput, diagnose } from './diagnosis/diagnose.ts';
export type { Diagnosis, Evidence, Finding, ProvedFlow, Repair, Severity } from './diagnosis/finding.ts';
// Firewall: rulesets as text and as values, and the machine that runs iptables commands on them.
export {
  formatRule,
  isRuleError,
  parseRuleArgs,
  type RuleError,
  ruleToArgs,
  sameRule,
} from './firewall/args.ts';
export { type CommandDefaults, type ParsedCommand, parseCommand } from './firewall/command.ts';
export { diffRulesets, type RuleAt, type RulesetDifference } from './firewall/diff.ts';
export {
  type CommandResult,
  type MachineError,
  type OperationLog,
  type OperationsResult,
  runCommand,
  runOperations,
  type TableKey,
} from './firewall/machine.ts';
export { matchRule, type PacketView, type Truth, type UnknownTruth } from './firewall/match.ts';
export { type NftResult, runNftTransactions } from './firewall/nft/machine.ts';
export { emptyNftRuleset, type NftRuleset, type NftTable } from './firewall/nft/model.ts';
export type { NftOperation, NftTransaction } from './firewall/nft/operation.ts';
export { type ParsedNft, parseNftJson } from './firewall/nft/parse.ts';
export { printNft } from './firewall/nft/print.ts';
export { nftJson } from './firewall/nft/print-json.ts';
export type { Command, Operation } from './firewall/operation.ts';
export {
  type Backend,
  type Chain,
  emptyRuleset,
  findChain,
  findTable,
  type Rule,
  type Ruleset,
  type Table,
  type TableName,
} from './firewall/ruleset.ts';
export { type PrintOptions, parseSave, printSave, type SaveError, type SaveResult } from './firewall/save.ts';
// Host: one picture of one host, and changes to it that are tried in memory.
export { applyChanges, type StateChange } from './host/change.ts';
export type { FactProblem, Facts, Parsed } from './host/facts.ts';
export { parseOutside } from './host/outside.ts';
export type { HostState, Link, Namespace, OutsideFacts, Route, Socket } from './host/state.ts';
export { hostStateFromFacts } from './host/state-from-facts.ts';
// Intent: the networks, containers and ports that should be there.
export { type InspectInput, intentFromInspect } from './intent/inspect.ts';
export type { Endpoint, Intent, Network, PortBinding, Sandbox } from './intent/intent.ts';
// Net: addresses, prefixes, flows, reasons.
export { type Addr, type Family, formatAddr, parseAddr, sameAddr } from './net/addr.ts';
export type { Flow, FlowKind } from './net/flow.ts';
export { containsAddr, formatPrefix, type Prefix, parsePrefix } from './net/prefix.ts';
export type { Because, Origin, Reason } from './net/reason.ts';
export type { SourceRef } from './net/source.ts';
// Options: a daemon's configuration as dockerd reads it.
export type { OptionName, Options, OptionValues, Setting } from './options/options.ts';
export { type ConfigProblem, describeOrigin } from './options/problem.ts';
export { type OptionSources, type Resolution, resolveOptions } from './options/resolve.ts';
// Packet: flows walked through a host and its outside.
export { type FlowFile, parseFlowFile } from './packet/flow-file.ts';
export type { Header, Hop, Outcome, RuleHit, Step, Trace, Unknown } from './packet/trace.ts';
export { makeScene, possibleOutcomes, type Scene, walk } from './packet/walk.ts';
// Plan: what the engine should have made of options and intent, and why.
export { type BridgePlanInput, planBridge } from './plan/bridge/plan.ts';
export { type Classified, classifyChain, classifyNftTable, ruleClassifier } from './plan/classify.ts';
export type { KnownEngine } from './plan/engine-version.ts';
export { type CannotExpect, type Expected, type ExpectOptions, expectedFromFacts } from './plan/expected.ts';
export {
  type ConfigurationInput,
  expectedFromConfiguration,
  type FromConfiguration,
} from './plan/expected-from-files.ts';
export { type ExplainInput, type Explanation, explainOption } from './plan/explain.ts';
export { generationFor, generationOf } from './plan/generation.ts';
// Logs of dockerd: read, run in memory, compared.
export { differenceOfLog, isDifferent, type LogDifference } from './plan/log-difference.ts';
export { type LogReading, readingOf } from './plan/log-reading.ts';
export { type NameService, nameServiceOf } from './plan/name-service.ts';
export type { Generation, Plan, PlannedLink, PlannedProxy } from './plan/plan.ts';
export { type Recognition, recogniseGeneration } from './plan/recognise.ts';
export { type SettingOutcome, settle } from './plan/settle.ts';
export { type EngineState, type Transition, transition } from './plan/transition.ts';
export { type Upgrade, upgradeOf } from './plan/upgrade.ts';
export { EventReader, type LogEvent, type LogEvents, readEvents } from './replay/events.ts';
// Report: the JSON that the commands print.
export { doctorJson } from './report/doctor-json.ts';
export { traceJson } from './report/trace-json.ts';
