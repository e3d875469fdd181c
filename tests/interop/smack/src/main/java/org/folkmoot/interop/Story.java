package org.folkmoot.interop;

import java.io.InputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jivesoftware.smack.chat2.Chat;
import org.jivesoftware.smack.chat2.ChatManager;
import org.jivesoftware.smack.packet.Message;
import org.jivesoftware.smack.tcp.XMPPTCPConnection;
import org.jivesoftware.smack.tcp.XMPPTCPConnectionConfiguration;
import org.jivesoftware.smackx.iqregister.AccountManager;
import org.jivesoftware.smackx.mam.MamManager;
import org.jivesoftware.smackx.pubsub.Item;
import org.jivesoftware.smackx.pubsub.LeafNode;
import org.jivesoftware.smackx.pubsub.PayloadItem;
import org.jivesoftware.smackx.pubsub.PubSubManager;
import org.jivesoftware.smackx.pubsub.SimplePayload;
import org.jxmpp.jid.EntityBareJid;
import org.jxmpp.jid.impl.JidCreate;
import org.jxmpp.jid.parts.Localpart;

/** Two people: they register, publish, talk, lose their connection, resume, and page through what was said. */
public final class Story {
    private static final String DOMAIN = "localhost";
    private static final String PASSWORD = "a rose by any other name";
    private static final String BLOG = "urn:xmpp:microblog:0";
    private static final int SAID = 25;
    private static final int PAGE = 10;

    private final InetAddress address;
    private final X509TrustManager trust;

    private Story(InetAddress address, X509TrustManager trust) {
        this.address = address;
        this.trust = trust;
    }

    /** Arguments: the server's address and the file of its certificate. Each line of output is something that worked. */
    public static void main(String[] args) throws Exception {
        new Story(InetAddress.getByName(args[0]), trustOf(Path.of(args[1]))).tell();
    }

    private static X509TrustManager trustOf(Path file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(file)) {
            store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        for (TrustManager manager : factory.getTrustManagers()) {
            if (manager instanceof X509TrustManager) {
                return (X509TrustManager) manager;
            }
        }
        throw new IllegalStateException("no trust manager");
    }

    private XMPPTCPConnection connection(String name) throws Exception {
        XMPPTCPConnectionConfiguration configuration = XMPPTCPConnectionConfiguration.builder()
            .setXmppDomain(DOMAIN)
            .setHostAddress(address)
            .setPort(5222)
            .setCustomX509TrustManager(trust)
            .setUsernameAndPassword(name, PASSWORD)
            .setResource("smack")
            .build();
        XMPPTCPConnection connection = new XMPPTCPConnection(configuration);
        connection.setUseStreamManagement(true);
        connection.setUseStreamManagementResumption(true);
        connection.setReplyTimeout(20_000);
        return connection;
    }

    private XMPPTCPConnection arrive(String name) throws Exception {
        XMPPTCPConnection connection = connection(name);
        connection.connect();
        AccountManager accounts = AccountManager.getInstance(connection);
        accounts.createAccount(Localpart.from(name), PASSWORD);
        connection.login();
        check(connection.isSecureConnection(), "TLS");
        check(connection.isSmEnabled(), "stream management");
        return connection;
    }

    private void tell() throws Exception {
        XMPPTCPConnection juliet = arrive("juliet");
        XMPPTCPConnection romeo = arrive("romeo");
        done("sign in");

        EntityBareJid julietJid = JidCreate.entityBareFrom("juliet@" + DOMAIN);
        EntityBareJid romeoJid = JidCreate.entityBareFrom("romeo@" + DOMAIN);

        LeafNode own = PubSubManager.getInstanceFor(juliet, julietJid).getLeafNode(BLOG);
        String entry = "<entry xmlns='http://www.w3.org/2005/Atom'><title>What's in a name?</title></entry>";
        own.publish(new PayloadItem<>("rose", new SimplePayload(entry)));
        done("publish");

        LeafNode hers = PubSubManager.getInstanceFor(romeo, julietJid).getLeafNode(BLOG);
        List<Item> items = hers.getItems(10);
        check(items.stream().anyMatch(item -> item.toXML().toString().contains("What&apos;s in a name?")
            || item.toXML().toString().contains("What's in a name?")), "the post among " + items);
        done("read");

        BlockingQueue<String> live = new LinkedBlockingQueue<>();
        hers.addItemEventListener(event -> {
            for (Object item : event.getItems()) {
                live.add(((Item) item).getId());
            }
        });
        hers.subscribe(romeoJid);
        own.publish(new PayloadItem<>("thorn", new SimplePayload(entry)));
        check("thorn".equals(live.poll(20, TimeUnit.SECONDS)), "the new post, live");
        done("live posts");

        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        ChatManager.getInstanceFor(romeo).addIncomingListener((from, message, chat) -> heard.add(message.getBody()));
        Chat chat = ChatManager.getInstanceFor(juliet).chatWith(romeoJid);
        for (int n = 0; n < SAID; n += 1) {
            chat.send("line " + n);
        }
        for (int n = 0; n < SAID; n += 1) {
            check(("line " + n).equals(heard.poll(20, TimeUnit.SECONDS)), "line " + n);
        }
        done("messages");

        // The socket is gone without a word; what is said meanwhile must come once, after resuming.
        romeo.instantShutdown();
        chat.send("said while you were away");
        romeo.connect().login();
        check(romeo.streamWasResumed(), "the stream resumed");
        check("said while you were away".equals(heard.poll(20, TimeUnit.SECONDS)), "what was said meanwhile");
        chat.send("and after");
        check("and after".equals(heard.poll(20, TimeUnit.SECONDS)), "what is said after, once");
        done("resume");

        MamManager archive = MamManager.getInstanceFor(romeo);
        check(archive.isSupported(), "an archive");
        MamManager.MamQuery page = archive.queryMostRecentPage(julietJid, PAGE);
        List<String> said = bodies(page);
        while (!page.isComplete()) {
            List<String> older = page.pagePrevious(PAGE).stream().map(Message::getBody).collect(Collectors.toList());
            check(!older.isEmpty() || page.isComplete(), "an older page");
            said.addAll(0, older);
        }
        check(said.size() == SAID + 2, SAID + 2 + " messages in the archive, not " + said);
        check("line 0".equals(said.get(0)) && "and after".equals(said.get(SAID + 1)), "their order: " + said);
        done("archive");

        romeo.disconnect();
        juliet.disconnect();
        System.out.println("the story ended well");
    }

    private static List<String> bodies(MamManager.MamQuery page) {
        return page.getMessages().stream().map(Message::getBody).collect(Collectors.toList());
    }

    private static void done(String what) {
        System.out.println("done: " + what);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("missing: " + what);
        }
    }
}
