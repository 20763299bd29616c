import { hash } from 'node:crypto';

/** A SHA-256 hash, 32 bytes. */
export type Hash = Buffer;

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** A run of leaves from `start` up to, not including, `end`. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** The hash of a tree without leaves. */
export const emptyRoot: Hash = hash('sha256', '', 'buffer');

/** The hash of one leaf: RFC 6962, section 2.1. */
export function leafHash(data: Uint8Array | string): Hash {
  // A text is hashed as UTF-8, and there the character zero is the byte zero.
  return hash('sha256', typeof data === 'string' ? `\u0000${data}` : Buffer.concat([LEAF, data]), 'buffer');
}

/** The hash of the node above two others: RFC 6962, section 2.1. */
export function nodeHash(left: Hash, right: Hash): Hash {
  return hash('sha256', Buffer.concat([NODE, left, right], 65), 'buffer');
}

/** The largest power of two below a number of leaves that is two or more. */
export function splitOf(leaves: number): number {
  let split = 1;
  while (split * 2 < leaves) split *= 2;
  return split;
}

/**
 * A tree that only grows: what is kept is the hash of each perfect subtree on its right edge, so that a million leaves need twenty hashes.
 */
export class GrowingTree {
  readonly #edge: { readonly leaves: number; readonly hash: Hash }[] = [];
  #size = 0;

  /**
   * Goes on with a tree as `edge` left it.
   * @throws RangeError where the edge is not that of a tree of this size
   */
  static resume(size: number, edge: Buffer): GrowingTree {
    const tree = new GrowingTree();
    let rest = size;
    let leaves = 1;
    while (leaves * 2 <= size) leaves *= 2;
    for (let from = 0; leaves >= 1; leaves = Math.floor(leaves / 2)) {
      if (rest < leaves) continue;
      tree.#edge.push({ leaves, hash: edge.subarray(from, from + 32) });
      from += 32;
      rest -= leaves;
    }
    if (edge.length !== tree.#edge.length * 32) throw new RangeError(`this is not the edge of a tree of ${size} leaves`);
    tree.#size = size;
    return tree;
  }

  get size(): number {
    return this.#size;
  }

  /** The perfect subtrees on the right edge, largest first: what it takes to go on. */
  edge(): Buffer {
    return Buffer.concat(this.#edge.map(({ hash }) => hash));
  }

  /** @param onSubtree told of each perfect subtree that this leaf completes, smallest first: its leaves, its place among those of its size, its root */
  append(leaf: Hash, onSubtree?: (leaves: number, index: number, hash: Hash) => void): void {
    this.#size += 1;
    let [leaves, hash] = [1, leaf];
    for (let left = this.#edge.at(-1); left?.leaves === leaves; left = this.#edge.at(-1)) {
      hash = nodeHash(left.hash, hash);
      leaves *= 2;
      this.#edge.pop();
      onSubtree?.(leaves, this.#size / leaves - 1, hash);
    }
    this.#edge.push({ leaves, hash });
  }

  /** The root over the leaves so far. */
  root(): Hash {
    return (
      this.#edge
        .map(({ hash }) => hash)
        .reduceRight<Hash | undefined>((right, left) => (right === undefined ? left : nodeHash(left, right)), undefined) ?? emptyRoot
    );
  }
}

/** The root over leaves that are at hand. */
export function rootOf(leaves: Iterable<Hash>): Hash {
  const tree = new GrowingTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
}

/**
 * The runs of leaves whose roots prove that leaf `index` stands in the tree of `size` leaves: RFC 6962, section 2.1.1.
 * @throws RangeError where there is no such leaf
 */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`);
  }
  const path: LeafRange[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  return path.reverse();
}

/**
 * The runs of leaves whose roots prove that the tree of `size` leaves begins with the one of `earlier` leaves: RFC 6962, section 2.1.2.
 * @throws RangeError where the earlier tree is empty or larger than the later one
 */
export function consistencyRanges(earlier: number, size: number): LeafRange[] {
  if (!Number.isSafeInteger(earlier) || !Number.isSafeInteger(size) || earlier < 1 || earlier > size) {
    throw new RangeError(`a tree of ${size} leaves does not grow out of one of ${earlier}`);
  }
  const path: LeafRange[] = [];
  let [start, end] = [0, size];
  while (end > earlier) {
    const middle = start + splitOf(end - start);
    if (earlier <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  // The verifier has the earlier root; it needs this subtree only where it is not that whole tree.
  if (start > 0) path.push({ start, end });
  return path.reverse();
}

/** Whether a proof shows that this leaf stands at `index` under the root of `size` leaves. */
export function provesInclusion(claim: {
  readonly leaf: Hash;
  readonly index: number;
  readonly size: number;
  readonly root: Hash;
  readonly proof: readonly Hash[];
}): boolean {
  const { leaf, index, size, root, proof } = claim;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  const ranges = inclusionRanges(index, size);
  if (ranges.length !== proof.length) return false;
  const hash = proof.reduce((below, other, step) => {
    const stands = ranges[step]?.start ?? 0;
    return stands > index ? nodeHash(below, other) : nodeHash(other, below);
  }, leaf);
  return hash.equals(root);
}

/** Whether a proof shows that the later tree holds the earlier one unchanged, as its beginning. */
export function provesConsistency(claim: {
  readonly earlier: { readonly size: number; readonly root: Hash };
  readonly later: { readonly size: number; readonly root: Hash };
  readonly proof: readonly Hash[];
}): boolean {
  const { earlier, later, proof } = claim;
  if (!Number.isSafeInteger(earlier.size) || !Number.isSafeInteger(later.size) || earlier.size < 0 || earlier.size > later.size)
    return false;
  if (earlier.size === 0) return proof.length === 0 && earlier.root.equals(emptyRoot);
  const ranges = consistencyRanges(earlier.size, later.size);
  if (ranges.length !== proof.length) return false;
  const steps = proof.map((hash, step) => ({ hash, start: ranges[step]?.start ?? 0, end: ranges[step]?.end ?? 0 }));
  // A subtree that ends where the earlier tree ended stands first, unless it is that whole tree.
  const [first] = steps;
  const begins = first?.end === earlier.size ? first.hash : earlier.root;
  let [old, now] = [begins, begins];
  for (const { hash: other, start } of first?.end === earlier.size ? steps.slice(1) : steps) {
    if (start < earlier.size) {
      old = nodeHash(other, old);
      now = nodeHash(other, now);
    } else now = nodeHash(now, other);
  }
  return old.equals(earlier.root) && now.equals(later.root);
}
