/** Survivors that change nothing that refuses: words for people, and mutants that mean the same. @type {{ file: string, line: string, mutators: string[], because: string }[]} */
export const exceptions = [];
