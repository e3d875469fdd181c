/** The end of an account, asked for twice. */
import { useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { t } from '../../i18n';
import { localpart } from '../../xmpp/jid';
import { Dialog } from '../Dialog';
import { TextField } from '../fields';
import { useAccount, useClient, useLink, useTask } from '../hooks';
import { navigate } from '../router';
import { toast } from '../toasts';

export function DeleteAccount() {
  const account = useAccount();
  const [isOpen, setOpen] = useState(false);
  return (
    <section>
      <h2>{t('delete.title')}</h2>
      <p class="hint">{t('delete.text', { name: localpart(account) })}</p>
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        {t('delete.button')}
      </button>
      {isOpen && <Question account={account} onClose={() => setOpen(false)} />}
    </section>
  );
}

function Question({ account, onClose }: { account: string; onClose: () => void }) {
  const client = useClient();
  const link = useLink();
  const { busy, error, run } = useTask();
  const [typed, setTyped] = useState('');
  const name = localpart(account);
  const title = t('delete.confirm.title', { address: account });
  return (
    <Dialog label={title} kind="question" onClose={onClose}>
      <h2 class="breakable">{title}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(async () => {
            await client.deleteAccount();
            navigate('/', 'replace');
            toast(t('delete.done'));
          });
        }}
      >
        <TextField
          id="delete-name"
          label={t('delete.confirm.label', { name })}
          value={typed}
          onInput={setTyped}
          isCode
          isFocused
        />
        {error !== undefined && (
          <p class="form-error" role="alert">
            {errorText(error)}
          </p>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={onClose}>
            {t('dialog.cancel')}
          </button>
          <button
            type="submit"
            class="danger"
            disabled={busy || !link || typed.trim().toLowerCase() !== name}
          >
            {busy ? t('delete.busy') : t('delete.confirm.submit')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
