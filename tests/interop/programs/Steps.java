// Takes the steps of a plan with java.net.http: java Steps.java BASE < plan.txt > results.txt
//
// Java has no JSON of its own, so here a step is a line with tabs between name, method, path, length
// of the body ("-" for none), chunked, expect, release and then names and values of fields; and a
// result is one with name, status, length and hash, and then names and values of fields, before which
// java-version stands for the version of HTTP that was spoken.

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Scanner;
import java.util.zip.GZIPInputStream;

public class Steps {
    static String base;
    static final HttpClient CLIENT = HttpClient.newBuilder()
        .followRedirects(HttpClient.Redirect.NORMAL)
        .cookieHandler(new CookieManager())
        .build();

    static byte[] pattern(int size) {
        byte[] body = new byte[size];
        for (int i = 0; i < size; i++) {
            body[i] = (byte) (i % 251);
        }
        return body;
    }

    static HttpRequest.BodyPublisher body(String upload, boolean chunked) {
        if (upload.equals("-")) {
            return BodyPublishers.noBody();
        }
        byte[] all = pattern(Integer.parseInt(upload));
        return chunked
            ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(all))
            : BodyPublishers.ofByteArray(all);
    }

    static void release(String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + path))
            .POST(BodyPublishers.noBody()).build();
        CLIENT.send(request, BodyHandlers.discarding());
    }

    static void take(String[] order) throws Exception {
        HttpRequest.Builder asked = HttpRequest.newBuilder(URI.create(base + order[2]))
            .timeout(Duration.ofSeconds(30))
            .method(order[1], body(order[3], order[4].equals("1")))
            .expectContinue(order[5].equals("1"));
        for (int i = 7; i < order.length; i += 2) {
            asked.header(order[i], order[i + 1]);
        }
        HttpResponse<InputStream> response = CLIENT.send(asked.build(), BodyHandlers.ofInputStream());
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        int length = 0;
        InputStream stream = response.body();
        if (response.headers().firstValue("Content-Encoding").orElse("").equals("gzip")) {
            stream = new GZIPInputStream(stream);
        }
        byte[] piece = new byte[65536];
        boolean first = true;
        for (int count; (count = stream.read(piece)) >= 0; first = false) {
            digest.update(piece, 0, count);
            length += count;
            if (first && !order[6].isEmpty()) {
                release(order[6]);
            }
        }
        StringBuilder line = new StringBuilder(order[0] + "\t" + response.statusCode() + "\t" + length
            + "\t" + HexFormat.of().formatHex(digest.digest()));
        line.append("\tjava-version\t" + response.version());
        response.headers().map().forEach(
            (name, values) -> line.append("\t" + name + "\t" + String.join(", ", values)));
        System.out.println(line);
    }

    public static void main(String[] arguments) throws Exception {
        base = arguments[0];
        Scanner plan = new Scanner(System.in, "UTF-8");
        while (plan.hasNextLine()) {
            take(plan.nextLine().split("\t", -1));
        }
    }
}
