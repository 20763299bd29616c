import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  consistencyRanges,
  emptyRoot,
  GrowingTree,
  inclusionRanges,
  leafHash,
  provesConsistency,
  provesInclusion,
  rootOf,
  type Hash,
  type LeafRange,
} from '../../src/proof/merkle-tree.js';

// The leaves and roots that Certificate Transparency's own implementations are tested with.
const data = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaves = data.map((hex) => leafHash(Buffer.from(hex, 'hex')));
const leavesOf = (size: number): Hash[] => Array.from({ length: size }, (_, index) => leafHash(String(index)));
const proofOf = (all: readonly Hash[], ranges: readonly LeafRange[]): Hash[] =>
  ranges.map(({ start, end }) => rootOf(all.slice(start, end)));

describe('the Merkle tree of RFC 6962', () => {
  it.each(roots.map((root, size) => [size, root] as const))('over %i known leaves has the known root', (size, root) => {
    expect(rootOf(leaves.slice(0, size)).toString('hex')).toBe(root);
  });

  it('grows by one leaf at a time to the same roots', () => {
    const tree = new GrowingTree();
    expect(tree.root()).toEqual(emptyRoot);
    for (const [index, leaf] of leaves.entries()) {
      tree.append(leaf);
      expect(tree.size).toBe(index + 1);
      expect(tree.root().toString('hex')).toBe(roots[index + 1]);
    }
  });

  it('tells of each perfect subtree as it is completed, where it stands, and its root', () => {
    const tree = new GrowingTree();
    const all = leavesOf(12);
    const told: [number, number, string][] = [];
    for (const leaf of all) tree.append(leaf, (count, index, hash) => told.push([count, index, hash.toString('hex')]));
    const of = (count: number, index: number): [number, number, string] => [
      count,
      index,
      rootOf(all.slice(count * index, count * (index + 1))).toString('hex'),
    ];
    expect(told).toEqual([of(2, 0), of(2, 1), of(4, 0), of(2, 2), of(2, 3), of(4, 1), of(8, 0), of(2, 4), of(2, 5), of(4, 2)]);
  });

  it('gives the known proofs of inclusion', () => {
    const proof = proofOf(leaves, inclusionRanges(5, 8)).map((hash) => hash.toString('hex'));
    expect(proof).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
  });

  it('proves every leaf of every small tree, and nothing else', () => {
    for (let size = 1; size <= 40; size += 1) {
      const all = leavesOf(size);
      const root = rootOf(all);
      for (let index = 0; index < size; index += 1) {
        const proof = proofOf(all, inclusionRanges(index, size));
        const leaf = all[index] ?? emptyRoot;
        expect(provesInclusion({ leaf, index, size, root, proof })).toBe(true);
        expect(provesInclusion({ leaf: leafHash('another'), index, size, root, proof })).toBe(false);
        expect(provesInclusion({ leaf, index: index + 1, size, root, proof })).toBe(false);
        expect(provesInclusion({ leaf, index, size, root, proof: [...proof, root] })).toBe(false);
        if (size > 1) expect(provesInclusion({ leaf, index, size, root, proof: proof.slice(1) })).toBe(false);
      }
    }
  });

  it('proves that every small tree grew out of each before it, and not out of another', () => {
    for (let size = 1; size <= 40; size += 1) {
      const all = leavesOf(size);
      const later = { size, root: rootOf(all) };
      for (let before = 1; before <= size; before += 1) {
        const earlier = { size: before, root: rootOf(all.slice(0, before)) };
        const proof = proofOf(all, consistencyRanges(before, size));
        expect(provesConsistency({ earlier, later, proof })).toBe(true);
        const forked = { size: before, root: rootOf([...all.slice(0, before - 1), leafHash('another')]) };
        expect(provesConsistency({ earlier: forked, later, proof })).toBe(false);
        expect(provesConsistency({ earlier, later: { ...later, root: leafHash('another') }, proof })).toBe(false);
      }
    }
    expect(provesConsistency({ earlier: { size: 0, root: emptyRoot }, later: { size: 3, root: rootOf(leavesOf(3)) }, proof: [] })).toBe(
      true,
    );
  });

  it('accepts no proof in which one bit is another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.nat(), fc.nat(), fc.nat(), (size, which, where, bit) => {
        const all = leavesOf(size);
        const index = which % size;
        const proof = proofOf(all, inclusionRanges(index, size)).map((hash) => Buffer.from(hash));
        const spoilt = proof[where % proof.length] ?? Buffer.alloc(32);
        spoilt[bit % 32] = (spoilt[bit % 32] ?? 0) ^ (1 << (bit % 8));
        return !provesInclusion({ leaf: all[index] ?? emptyRoot, index, size, root: rootOf(all), proof });
      }),
    );
  });

  it('refuses a leaf or an earlier tree that cannot be', () => {
    expect(() => inclusionRanges(3, 3)).toThrow('has no leaf 3');
    expect(() => consistencyRanges(4, 3)).toThrow('does not grow out of');
    expect(() => consistencyRanges(0, 3)).toThrow('does not grow out of');
    expect(provesInclusion({ leaf: emptyRoot, index: 1, size: 1, root: emptyRoot, proof: [] })).toBe(false);
    expect(provesConsistency({ earlier: { size: 2, root: emptyRoot }, later: { size: 1, root: emptyRoot }, proof: [] })).toBe(false);
  });
});
