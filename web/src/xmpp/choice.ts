/** Where one is seen: in the public stream, and in searches (`urn:x-folkmoot:choice:0`). */
import type { Link } from './link';
import { NS } from './ns';
import { attribute, child, x } from './xml';

export interface Choice {
  inStream: boolean;
  inSearch: boolean;
}

export async function fetchChoice(link: Link): Promise<Choice> {
  const answer = await link.iq('get', undefined, x('choice', { xmlns: NS.choice }));
  const choice = child(answer, 'choice', NS.choice);
  const isChosen = (name: string) => attribute(choice, name) !== 'false';
  return { inStream: isChosen('in-stream'), inSearch: isChosen('in-search') };
}

/** Changes it; what was posted before follows. */
export async function changeChoice(link: Link, choice: Choice): Promise<void> {
  const words = {
    xmlns: NS.choice,
    'in-stream': String(choice.inStream),
    'in-search': String(choice.inSearch),
  };
  await link.iq('set', undefined, x('choice', words));
}
