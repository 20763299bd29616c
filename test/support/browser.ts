import { chromium, type Browser, type Page } from 'playwright-core';
import { findChromium } from './chromium.js';

/** @throws Error where there is no Chromium */
export async function launchBrowser(): Promise<Browser> {
  const quiet = [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: findChromium(process.env), headless: true, args: [...quiet, ...asRoot] });
}

/** Notes what a page must not do: complain, break its policy, or ask anybody but the front door. */
export function watch(page: Page, origin: string) {
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) strangers.push(request.url());
  });
  return { complaints, strangers };
}
