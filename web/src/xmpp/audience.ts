/** Who may read one's posts: the access model of one's own microblog node (XEP-0060 §8.2). */
import type { Audience } from '../model/site';
import type { Link } from './link';
import { NODE, NS } from './ns';
import { attribute, child, childrenNamed, childText, x } from './xml';

const ACCESS = 'pubsub#access_model';

/** The audience in force; `other` where it is one that this client does not offer. */
export async function fetchAudience(link: Link): Promise<Audience | 'other'> {
  const request = x('pubsub', { xmlns: NS.pubsubOwner }, x('configure', { node: NODE.microblog }));
  const answer = child(await link.iq('get', undefined, request), 'pubsub', NS.pubsubOwner);
  const form = child(child(answer, 'configure', NS.pubsubOwner), 'x', NS.dataForms);
  const fields = form ? childrenNamed(form, 'field', NS.dataForms) : [];
  const field = fields.find((one) => attribute(one, 'var') === ACCESS);
  const value = childText(field, 'value', NS.dataForms);
  return value === 'open' || value === 'presence' ? value : 'other';
}

/** Changes it; what was posted before follows. */
export async function changeAudience(link: Link, audience: Audience): Promise<void> {
  const field = (name: string, value: string) => x('field', { var: name }, x('value', {}, value));
  const form = x(
    'x',
    { xmlns: NS.dataForms, type: 'submit' },
    field('FORM_TYPE', `${NS.pubsub}#node_config`),
    field(ACCESS, audience),
  );
  const configure = x('configure', { node: NODE.microblog }, form);
  await link.iq('set', undefined, x('pubsub', { xmlns: NS.pubsubOwner }, configure));
}
