import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The program of a real Chromium: `CHROMIUM_PATH`, else Debian's, else the first of its usual names on the PATH.
 * @throws Error where there is none
 */
export function findChromium({ CHROMIUM_PATH, PATH = '' }: NodeJS.ProcessEnv): string {
  if (CHROMIUM_PATH !== undefined && CHROMIUM_PATH !== '') {
    if (isProgram(CHROMIUM_PATH)) return CHROMIUM_PATH;
    throw new Error(`CHROMIUM_PATH (${CHROMIUM_PATH}) is no program that can be run.`);
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const onPath = names.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
  const found = ['/usr/bin/chromium', ...onPath].find(isProgram);
  if (found === undefined) {
    throw new Error(
      'The tests of the pages need Chromium. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH to its program.',
    );
  }
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
