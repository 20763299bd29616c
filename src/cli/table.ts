import { stripVTControlCharacters } from 'node:util';

/** Lays rows out in columns, each as wide as its widest cell; numbers to the right. Cells may be coloured. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell))));
  const widths = headings.map((heading, column) =>
    cells.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? '')), heading.length),
  );
  const numeric = headings.map((_, column) => rows.every((row) => row[column] === null || typeof row[column] === 'number'));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)));
        return numeric[column] === true ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return [line(headings), widths.map((width) => '─'.repeat(width)).join('  '), ...cells.map(line)].join('\n');
}

/** Colours take no room. */
function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
