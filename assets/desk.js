// What the pages do besides: without it each of them works, and stands still.
'use strict';

const UNHEARD_MS = 5000;
const HEARD_MS = 30_000;
const SETTLING_MS = 700;

/** Times in the viewer's own zone; UTC stays in the title. */
function localizeTimes(root) {
  const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
  for (const element of root.querySelectorAll('time[data-show]')) {
    element.textContent = (element.dataset.show === 'date' ? date : time).format(new Date(element.dateTime));
  }
}

/** A form that asks for something is sent once, however often its button is pressed. */
function sendOnce(form) {
  form.addEventListener('submit', () => {
    setTimeout(() => form.querySelectorAll('button').forEach((button) => (button.disabled = true)));
  });
  // A page that the browser brings back must not stay shut.
  window.addEventListener('pageshow', () => form.querySelectorAll('button').forEach((button) => (button.disabled = false)));
}

/** Keeps one part of the page as the server has it: it is drawn there, and there alone. */
function follow(first) {
  let live = first;
  let stream = null;
  let timer = 0;
  let asking = false;
  let again = false;
  let news = false;

  const isOver = () => live.dataset.state === 'completed';
  const unheard = (hidden) => {
    const told = document.getElementById('unheard');
    if (told !== null) told.hidden = hidden;
  };

  function countDown() {
    const until = live.querySelector('[data-until]');
    if (until === null) return;
    const left = Math.max(0, Math.ceil((Date.parse(until.dataset.until) - Date.now() - live.skewMs) / 1000));
    const shown = left > 90 ? `${Math.ceil(left / 60)} min` : `${left} s`;
    until.textContent = left > 0 ? `, in ${shown}` : ', now';
  }

  function take(fresh) {
    fresh.skewMs = Date.parse(fresh.dataset.now) - Date.now();
    localizeTimes(fresh);
    const said = document.getElementById('said');
    if (fresh !== live) {
      if (fresh.dataset.say !== live.dataset.say) said.textContent = fresh.dataset.say;
      const focused = live.contains(document.activeElement) ? document.activeElement.id : '';
      live.replaceWith(fresh);
      live = fresh;
      if (focused !== '') document.getElementById(focused)?.focus();
    }
    countDown();
    if (isOver()) return stop();
    // When the next attempt is due is known a moment after the one before is over.
    const settles = news && live.querySelector('[data-until]') === null;
    news = false;
    const every = Number(live.dataset.every ?? 0);
    if (every > 0) return later(every);
    later(settles ? SETTLING_MS : stream?.readyState === EventSource.OPEN ? HEARD_MS : UNHEARD_MS);
  }

  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(refresh, ms);
  }

  async function refresh() {
    if (asking) {
      again = true;
      return;
    }
    if (document.hidden || isOver()) return;
    asking = true;
    again = false;
    try {
      const response = await fetch(location.pathname + location.search, { headers: { 'x-latchkey-live': '1' } });
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const fresh = page.getElementById('live');
      if (response.status === 401) {
        stop();
        document.getElementById('main').replaceChildren(...page.getElementById('main').childNodes);
      } else if (fresh !== null) {
        document.title = page.title;
        take(document.importNode(fresh, true));
      } else {
        unheard(false);
        later(UNHEARD_MS);
      }
    } catch {
      unheard(false);
      later(UNHEARD_MS);
    }
    asking = false;
    if (again) void refresh();
  }

  function listen() {
    if (stream !== null || isOver() || live.dataset.events === undefined) return;
    stream = new EventSource(live.dataset.events);
    stream.addEventListener('message', () => {
      news = true;
      void refresh();
    });
  }

  function stop() {
    clearTimeout(timer);
    stream?.close();
    stream = null;
  }

  // A browser keeps few connections to one place: pages that nobody looks at leave them to the others.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return stop();
    listen();
    void refresh();
  });
  setInterval(countDown, 500);
  take(live);
  if (!document.hidden) listen();
}

/** Up and down go from row to row. */
document.addEventListener('keydown', (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const row = event.target.closest?.('table[data-rows] tbody tr');
  if (step === undefined || !row) return;
  const next = step < 0 ? row.previousElementSibling : row.nextElementSibling;
  next?.querySelector('a, [tabindex]')?.focus();
  event.preventDefault();
});

localizeTimes(document);
document.querySelectorAll('form[data-once]').forEach(sendOnce);
const live = document.getElementById('live');
if (live !== null) follow(live);
