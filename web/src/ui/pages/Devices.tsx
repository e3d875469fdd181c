/** The devices that may sign in without a password. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { errorText } from '../../i18n/errors';
import { ago, t } from '../../i18n';
import { fetchDevices, revokeDevice, type Device } from '../../xmpp/account';
import { useLink, useNow } from '../hooks';
import { Icon } from '../icons';
import { toast } from '../toasts';

export function Devices() {
  const link = useLink();
  const [devices, setDevices] = useState<Device[] | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const load = useCallback(async () => {
    if (!link) return;
    try {
      setDevices(await fetchDevices(link));
      setError(undefined);
    } catch (reason) {
      setError(reason);
    }
  }, [link]);
  useEffect(() => void load(), [load]);

  const revoke = async (device: Device) => {
    if (!link) return;
    try {
      await revokeDevice(link, device.id);
      toast(t('settings.devices.revoked'));
    } catch (reason) {
      toast(errorText(reason), 'error');
    }
    await load();
  };
  return (
    <section>
      <h2>{t('settings.devices')}</h2>
      <p class="hint">{t('settings.devices.text')}</p>
      {error !== undefined && <p class="form-error">{errorText(error)}</p>}
      {devices?.length === 0 && <p class="note">{t('settings.devices.none')}</p>}
      <ul class="devices">
        {devices?.map((device) => (
          <DeviceRow key={device.id} device={device} onRevoke={() => void revoke(device)} />
        ))}
      </ul>
    </section>
  );
}

function DeviceRow({ device, onRevoke }: { device: Device; onRevoke: () => void }) {
  const now = useNow();
  const { label, current, lastUsed } = device;
  return (
    <li>
      <Icon name="device" />
      <span class="device-text">
        <strong>{label}</strong>
        <span class="hint">
          {current
            ? t('settings.devices.current')
            : lastUsed !== undefined && t('settings.devices.used', { time: ago(lastUsed, now) })}
        </span>
      </span>
      {!current && (
        <button
          type="button"
          class="quiet"
          aria-label={t('settings.devices.revokeLabel', { label })}
          onClick={onRevoke}
        >
          {t('settings.devices.revoke')}
        </button>
      )}
    </li>
  );
}
