// Named places between the steps of an operation where a test may let the server die.
//
// A fault point lies behind every step that is durable and before the next one begins. It does
// nothing unless a test passes a hook in.

export const FAULT_POINTS = [
  'createKeyspace.accepted',
  'createKeyspace.planned',
  'createKeyspace.installed',
  'split.accepted',
  'split.persisted',
  'split.cut',
  'split.directPersisted',
  'split.directTold',
  'split.backPersisted',
  'split.backTold',
  'move.accepted',
  'move.persisted',
  'move.syncing',
  'move.copied',
  'move.handoverPersisted',
  'move.losersTold',
  'move.installed',
  'move.published',
  'move.abortPersisted',
  'repair.accepted',
  'repair.persisted',
  'repair.syncing',
  'repair.copied',
  'repair.handoverPersisted',
  'repair.losersTold',
  'repair.installed',
  'repair.published',
  'repair.abortPersisted',
  'removal.persisted',
  'removal.losersTold',
  'removal.installed',
  'removal.published',
  'drain.accepted',
  'drain.moveBegun',
  'drain.emptied',
  'drain.cancelled',
  'rebalance.accepted',
  'rebalance.moveBegun',
  'rebalance.ended',
  'merge.accepted',
  'merge.persisted',
  'merge.headMerged',
  'merge.joining',
  'merge.joinPersisted',
  'merge.joined',
  'merge.backPersisted',
  'merge.backTold',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** May throw or never settle, as a crash would look from inside. */
export type FaultHook = (point: FaultPoint) => void | Promise<void>;

export const noFaults: FaultHook = () => {};
