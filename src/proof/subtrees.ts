import { emptyRoot, nodeHash, splitOf, type Hash, type LeafRange } from './merkle-tree.js';

/** A perfect subtree: it stands over 2^height leaves, and is the `index`th of its height; a leaf has height 0. */
export interface Subtree {
  readonly height: number;
  readonly index: number;
}

/** Only roots of every eighth height are kept: what lies between is computed from at most 255 of them. */
export const KEPT_HEIGHTS = 8;

/** The leaves and kept subtrees that a run of leaves consists of, as a proof has it: beginning at a multiple of its largest power of two. */
export function keptSubtrees(range: LeafRange): Subtree[] {
  const whole = keptWhole(range);
  if (whole !== null) return [whole];
  const [left, right] = halves(range);
  return [...keptSubtrees(left), ...keptSubtrees(right)];
}

/**
 * The root over a run of leaves.
 * @param kept tells the root of a kept subtree, or a leaf's hash
 */
export function rootOfRange(range: LeafRange, kept: (subtree: Subtree) => Hash): Hash {
  if (range.end === range.start) return emptyRoot;
  const whole = keptWhole(range);
  if (whole !== null) return kept(whole);
  const [left, right] = halves(range);
  return nodeHash(rootOfRange(left, kept), rootOfRange(right, kept));
}

function keptWhole({ start, end }: LeafRange): Subtree | null {
  const height = Math.log2(end - start);
  return height % KEPT_HEIGHTS === 0 ? { height, index: start / (end - start) } : null;
}

function halves({ start, end }: LeafRange): [LeafRange, LeafRange] {
  const middle = start + splitOf(end - start);
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}
