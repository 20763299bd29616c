import { stripVTControlCharacters, styleText } from 'node:util';

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** What a command says, and where. */
export interface Voice {
  /** What was asked for: to stdout. */
  readonly say: (line: string) => void;
  /** What is said beside it: to stderr. */
  readonly note: (line: string) => void;
  /** Colours what goes to stdout, if that is a terminal that is to have colours (NO_COLOR). */
  readonly paint: (formats: Format | readonly Format[], text: string) => string;
  /** A line that the next one takes the place of; nothing where nobody watches. */
  readonly passing: (line: string) => void;
}

interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const CLEAR = '\r\u001b[K';
const USUAL_COLUMNS = 80;

export function createVoice({ stdout, stderr }: Streams): Voice {
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write(CLEAR);
    shown = false;
  };
  return {
    say(line) {
      clear();
      stdout.write(`${line}\n`);
    },
    note(line) {
      clear();
      stderr.write(`latchkey: ${line}\n`);
    },
    // One at a time: given several, Node 20 colours also what is no terminal.
    paint: (formats, text) =>
      [formats].flat().reduce((painted, format) => styleText(format, painted, { stream: stdout, validateStream: true }), text),
    passing(line) {
      if (!stderr.isTTY) return;
      clear();
      if (line === '') return;
      // A line that wraps could not be taken away again.
      stderr.write(stripVTControlCharacters(line).slice(0, (stderr.columns || USUAL_COLUMNS) - 1));
      shown = true;
    },
  };
}
