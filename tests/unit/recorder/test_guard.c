/* What is refused before anything is opened: spellings of URLs, addresses, names of files. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "recorder/guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- URLs ------------------------------------------------------------------------------------- */

static const struct good {
    const char *text;
    enum guard_use use;
    enum guard_scheme scheme;
    const char *host;
    uint16_t port;
    const char *masked;
} good[] = {
    {"rtmp://a.example.com/live2/abcd-efgh", GUARD_PUSH, GUARD_RTMP, "a.example.com", 1935,
     "rtmp://a.example.com/live2/***"},
    {"rtmps://a.example.com:4430/app/key?x=1", GUARD_PUSH, GUARD_RTMPS, "a.example.com", 4430,
     "rtmps://a.example.com:4430/app/***?***"},
    {"rtmp://u:p@h.example/onlykey", GUARD_INPUT, GUARD_RTMP, "h.example", 1935,
     "rtmp://***@h.example/***"},
    {"rtsp://admin:secret@203.0.113.7/ch/1", GUARD_INPUT, GUARD_RTSP, "203.0.113.7", 554,
     "rtsp://***@203.0.113.7/ch/***"},
    {"rtsp://cam/", GUARD_INPUT, GUARD_RTSP, "cam", 554, "rtsp://cam"},
    {"srt://h.example:9000?streamid=#!::r=live/x,m=request&latency=200", GUARD_INPUT, GUARD_SRT,
     "h.example", 9000, "srt://h.example:9000?***"},
    {"srt://[2001:db8::1]:9000", GUARD_PUSH, GUARD_SRT, "2001:db8::1", 9000,
     "srt://[2001:db8::1]:9000"},
    {"srt://h:1/?mode=caller&passphrase=0123456789&pbkeylen=16", GUARD_PUSH, GUARD_SRT, "h", 1,
     "srt://h:1?***"},
    {"https://cdn.example.com/a/token/index.m3u8?sig=%2Fa", GUARD_INPUT, GUARD_HTTPS,
     "cdn.example.com", 443, "https://cdn.example.com/a/***?***"},
    {"http://[::ffff:192.0.2.1]:8080/x.m3u8", GUARD_INPUT, GUARD_HTTP, "::ffff:192.0.2.1", 8080,
     "http://[::ffff:192.0.2.1]:8080/***"},
    {"http://3com.example/x.m3u8", GUARD_INPUT, GUARD_HTTP, "3com.example", 80,
     "http://3com.example/***"},
};

static void urls_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct guard_url url;
        const char *why;
        if (guard_parse_url(&url, good[i].text, good[i].use, &why))
            fail_msg("%s: %s", good[i].text, why);
        if (url.scheme != good[i].scheme || strcmp(url.host, good[i].host) != 0 ||
            url.port != good[i].port || strcmp(url.masked, good[i].masked) != 0)
            fail_msg("%s: %s %u %s", good[i].text, url.host, url.port, url.masked);
    }
}

static const struct bad {
    const char *text;
    enum guard_use use;
    const char *why; /* how the sentence goes on behind "url: " */
} bad[] = {
    /* schemes */
    {"", GUARD_INPUT, "must begin"},
    {"h.example/live", GUARD_INPUT, "must begin"},
    {"file:///etc/passwd", GUARD_INPUT, "must begin"},
    {"/etc/passwd", GUARD_INPUT, "must begin"},
    {"FILE:///etc/passwd", GUARD_INPUT, "must begin"},
    {"RTMP://h/live/x", GUARD_INPUT, "must begin"},
    {"ftp://h/x", GUARD_INPUT, "must begin"},
    {"gopher://h/x", GUARD_INPUT, "must begin"},
    {"concat:http://h/a|http://h/b", GUARD_INPUT, "a character"},
    {"concat:file:///etc/passwd", GUARD_INPUT, "must begin"},
    {"subfile,,start,0,end,1,,:http://h/x", GUARD_INPUT, "must begin"},
    {"crypto+http://h/x", GUARD_INPUT, "must begin"},
    {"hls+http://h/x.m3u8", GUARD_INPUT, "must begin"},
    {"data:text/plain,x", GUARD_INPUT, "must begin"},
    {"unix:/run/docker.sock", GUARD_INPUT, "must begin"},
    {"udp://h:1", GUARD_INPUT, "must begin"},
    {"rtmpt://h/live/x", GUARD_INPUT, "must begin"},
    {"rtsp+tcp://h/x", GUARD_INPUT, "must begin"},
    {"http:/h/x", GUARD_INPUT, "must begin"},
    {"http:h/x", GUARD_INPUT, "must begin"},
    {"http://h/x", GUARD_PUSH, "must begin"},
    {"rtsp://h/x", GUARD_PUSH, "must begin"},
    /* characters */
    {" rtmp://h/live/x", GUARD_INPUT, "a character"},
    {"rtmp://h/live/x conn=S:x", GUARD_INPUT, "a character"},
    {"rtmp://h/live/x\r\nHost: y", GUARD_INPUT, "a character"},
    {"http://h/x\t", GUARD_INPUT, "a character"},
    {"http://h\\@10.0.0.1/x", GUARD_INPUT, "a character"},
    {"http://b\xc3\xbc"
     "cher.example/x",
     GUARD_INPUT, "a character"},
    {"http://\xe2\x91\xa0.example/x", GUARD_INPUT, "a character"},
    {"http://h/\x7f", GUARD_INPUT, "a character"},
    {"http://h/a|b", GUARD_INPUT, "a character"},
    {"http://h/x%00.m3u8", GUARD_INPUT, "a % without"},
    {"http://h/x%0d%0aHost:y", GUARD_INPUT, "a % without"},
    {"http://h/x%7f", GUARD_INPUT, "a % without"},
    {"http://h/x%4", GUARD_INPUT, "a % without"},
    {"http://h/x%zz", GUARD_INPUT, "a % without"},
    /* hosts */
    {"http://", GUARD_INPUT, "a host"},
    {"http:///x", GUARD_INPUT, "a host"},
    {"http://:80/x", GUARD_INPUT, "a host"},
    {"http://127.1/x", GUARD_INPUT, "an address"},
    {"http://2130706433/x", GUARD_INPUT, "an address"},
    {"http://0x7f000001/x", GUARD_INPUT, "an address"},
    {"http://0x7f.0.0.1/x", GUARD_INPUT, "an address"},
    {"http://0177.0.0.1/x", GUARD_INPUT, "an address"},
    {"http://127.0.0.01/x", GUARD_INPUT, "an address"},
    {"http://127.0.0.1.5/x", GUARD_INPUT, "an address"},
    {"http://256.0.0.1/x", GUARD_INPUT, "an address"},
    {"http://a.b.0x1/x", GUARD_INPUT, "an address"},
    {"http://127.0.0.1./x", GUARD_INPUT, "not a host"},
    {"http://h./x", GUARD_INPUT, "not a host"},
    {"http://a..b/x", GUARD_INPUT, "not a host"},
    {"http://.a/x", GUARD_INPUT, "not a host"},
    {"http://-a/x", GUARD_INPUT, "not a host"},
    {"http://a-/x", GUARD_INPUT, "not a host"},
    {"http://h%2eexample/x", GUARD_INPUT, "not a host"},
    {"http://a,b/x", GUARD_INPUT, "not a host"},
    {"http://[::1/x", GUARD_INPUT, "not an IPv6"},
    {"http://[::1]x/x", GUARD_INPUT, "not an IPv6"},
    {"http://[]/x", GUARD_INPUT, "not an IPv6"},
    {"http://[fe80::1%25eth0]/x", GUARD_INPUT, "not an IPv6"},
    {"http://[127.0.0.1]/x", GUARD_INPUT, "not an IPv6"},
    {"http://::1/x", GUARD_INPUT, "a host"},
    /* users */
    {"http://@h/x", GUARD_INPUT, "a user"},
    {"http://:p@h/x", GUARD_INPUT, "a user"},
    {"http://public.example@10.0.0.1@h/x", GUARD_INPUT, "a user"},
    {"srt://u@h:9000", GUARD_INPUT, "of SRT has"},
    /* ports */
    {"http://h:/x", GUARD_INPUT, "a colon"},
    {"http://h:0/x", GUARD_INPUT, "the port"},
    {"http://h:65536/x", GUARD_INPUT, "the port"},
    {"http://h:080/x", GUARD_INPUT, "the port"},
    {"http://h:123456/x", GUARD_INPUT, "the port"},
    {"http://h:+80/x", GUARD_INPUT, "the port"},
    {"http://h:80:81/x", GUARD_INPUT, "the port"},
    {"srt://h", GUARD_INPUT, "a port is needed"},
    /* the rest */
    {"http://h/x#y", GUARD_INPUT, "a fragment"},
    {"http://h#@10.0.0.1/x", GUARD_INPUT, "a fragment"},
    {"http://h/x?y#z", GUARD_INPUT, "a fragment"},
    {"rtmp://h", GUARD_PUSH, "of RTMP needs"},
    {"rtmp://h/", GUARD_PUSH, "of RTMP needs"},
    {"srt://h:9000/path", GUARD_INPUT, "of SRT has"},
    {"srt://h:9000?mode=listener", GUARD_INPUT, "mode must"},
    {"srt://h:9000?mode=rendezvous", GUARD_INPUT, "mode must"},
    {"srt://h:9000?mode=caller&mode=listener", GUARD_INPUT, "an SRT option is given twice"},
    {"srt://h:9000?localaddr=10.0.0.1", GUARD_INPUT, "SRT options are"},
    {"srt://h:9000?streamid=", GUARD_INPUT, "an SRT option without"},
    {"srt://h:9000?streamid", GUARD_INPUT, "an SRT option without"},
    {"srt://h:9000?streamid=x&&latency=1", GUARD_INPUT, "an SRT option without"},
};

static void urls_are_refused(void **state)
{
    (void)state;
    _Static_assert(COUNT(bad) >= 60, "at least so many cases were asked for");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct guard_url url = {.port = 77};
        const char *why = NULL;
        if (guard_parse_url(&url, bad[i].text, bad[i].use, &why) != -EINVAL)
            fail_msg("taken: %s", bad[i].text);
        if (strncmp(why, "url: ", 5) != 0 || strncmp(why + 5, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("%s: refused for: %s", bad[i].text, why);
        assert_int_equal(url.port, 77); /* nothing is written */
    }
}

static void lengths_have_an_end(void **state)
{
    (void)state;
    char text[GUARD_URL_MAX + 16];
    struct guard_url url;
    const char *why;
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://", 7);
    text[7 + 63] = '.'; /* the longest label */
    text[7 + 64 + 3] = '/';
    text[GUARD_URL_MAX - 1] = '\0';
    assert_int_equal(guard_parse_url(&url, text, GUARD_INPUT, &why), 0);
    assert_true(strlen(url.masked) < 128);
    text[GUARD_URL_MAX - 1] = 'a';
    text[GUARD_URL_MAX] = '\0';
    assert_int_equal(guard_parse_url(&url, text, GUARD_INPUT, &why), -EINVAL);
    assert_string_equal(why, "url: too long");

    memset(text, 'a', 300);
    memcpy(text, "http://", 7);
    for (size_t i = 7 + 49; i < 300; i += 50)
        text[i] = '.';
    memcpy(text + 7 + 253, "/x", 3);
    assert_int_equal(guard_parse_url(&url, text, GUARD_INPUT, &why), 0);
    memcpy(text + 7 + 253, "b/x", 4);
    assert_int_equal(guard_parse_url(&url, text, GUARD_INPUT, &why), -EINVAL);
    text[7 + 64] = 'a';
    memcpy(text, "http://", 7);
    memset(text + 7, 'a', 64);
    strcpy(text + 7 + 64, "/x");
    assert_int_equal(guard_parse_url(&url, text, GUARD_INPUT, &why), -EINVAL); /* a label of 64 */
}

/* --- addresses -------------------------------------------------------------------------------- */

static const struct address_row {
    const char *text;
    bool is_public;
} addresses[] = {
    {"8.8.8.8", true},
    {"1.1.1.1", true},
    {"100.63.255.255", true},
    {"100.128.0.0", true},
    {"172.15.255.255", true},
    {"172.32.0.1", true},
    {"192.0.1.1", true},
    {"198.17.255.255", true},
    {"198.20.0.0", true},
    {"223.255.255.255", true},
    {"0.0.0.0", false},
    {"0.1.2.3", false},
    {"10.0.0.1", false},
    {"10.255.255.255", false},
    {"100.64.0.1", false},
    {"100.100.100.200", false}, /* metadata */
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"168.63.129.16", false},
    {"169.254.169.254", false}, /* metadata */
    {"169.254.170.2", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.0.0.192", false}, /* metadata */
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.168.1.1", false},
    {"198.18.0.1", false},
    {"198.19.255.255", false},
    {"198.51.100.1", false},
    {"203.0.113.1", false},
    {"224.0.0.1", false},
    {"239.255.255.255", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:4700:4700::1111", true},
    {"2a00:1450:4001::1", true},
    {"2001:4860:4860::8888", true},
    {"::", false},
    {"::1", false},
    {"::8.8.8.8", true}, /* compatible */
    {"::127.0.0.1", false},
    {"::ffff:8.8.8.8", true}, /* mapped */
    {"::ffff:127.0.0.1", false},
    {"::ffff:10.0.0.1", false},
    {"::ffff:169.254.169.254", false},
    {"::ffff:0:127.0.0.1", false}, /* translated (RFC 2765) */
    {"::ffff:0:8.8.8.8", false},
    {"64:ff9b::8.8.8.8", true}, /* NAT64 */
    {"64:ff9b::127.0.0.1", false},
    {"64:ff9b::a9fe:a9fe", false},
    {"64:ff9b:1::8.8.8.8", false}, /* somebody's own NAT64 */
    {"100::1", false},             /* discard */
    {"2001::1", false},
    {"2001:0:808:808::f7f7:f7f7", true},  /* Teredo, 8.8.8.8 to 8.8.8.8 */
    {"2001:0:808:808::80ff:fffe", false}, /* a client at 127.0.0.1 */
    {"2001:0:7f00:1::f7f7:f7f7", false},  /* a server there */
    {"2001:2::1", false},
    {"2001:10::1", false},
    {"2001:1ff:ffff::1", false},
    {"2001:200::1", true},
    {"2001:db8::1", false},
    {"2002:808:808::1", true}, /* 6to4 */
    {"2002:7f00:1::1", false},
    {"2002:a00:1::1", false},
    {"2002:c0a8:101::1", false},
    {"3ffe::1", false},
    {"3fff::1", false},
    {"3fff:1000::1", true},
    {"4000::1", false},
    {"5f00::1", false},
    {"fc00::1", false},
    {"fd00:ec2::254", false}, /* metadata */
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

static void fill(struct sockaddr_storage *out, const char *text)
{
    *out = (struct sockaddr_storage){0};
    struct sockaddr_in *const v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *const v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return;
    }
    v6->sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
        fail_msg("%s is no address", text);
}

static void private_addresses_are_known(void **state)
{
    (void)state;
    const struct guard_policy nothing = {0};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct sockaddr_storage a;
        fill(&a, addresses[i].text);
        if (guard_address_is_public((struct sockaddr *)&a) != addresses[i].is_public ||
            guard_policy_allows(&nothing, (struct sockaddr *)&a) != addresses[i].is_public)
            fail_msg("%s is%s public", addresses[i].text, addresses[i].is_public ? "" : " not");
    }
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(guard_address_is_public(&local));
    assert_false(guard_policy_allows(&nothing, &local));
}

static void settings_allow_what_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *cidr, *address;
        bool is_allowed;
    } rows[] = {
        {"127.0.0.0/8", "127.5.0.1", true},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
        {"127.0.0.0/8", "::1", false},
        {"127.0.0.0/8", "10.0.0.1", false},
        {"127.0.0.0/8", "8.8.8.8", true},         /* what is public stays so */
        {"127.0.0.0/8", "2002:7f00:1::1", false}, /* and disguises are none of it */
        {"127.0.0.0/8", "64:ff9b::127.0.0.1", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.0.0.0/9", "10.127.0.0", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"0.0.0.0/0", "192.168.0.1", true},
        {"0.0.0.0/0", "fd00::1", false},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fe80::1", false},
        {"::1", "::1", true},
        {"::1/128", "::", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct guard_policy p = {0};
        struct sockaddr_storage a;
        fill(&a, rows[i].address);
        assert_int_equal(guard_policy_add(&p, rows[i].cidr), 0);
        if (guard_policy_allows(&p, (struct sockaddr *)&a) != rows[i].is_allowed)
            fail_msg("%s and %s", rows[i].cidr, rows[i].address);
    }
    static const char *const wrong[] = {
        "",
        "x",
        "127.0.0.1/",
        "127.0.0.1/8",
        "127.0.0.0/33",
        "127.0.0.0/-1",
        "10.0.0/8",
        "fd00::/129",
        "fd00::1/64",
        "10.0.0.0/08",
        "10.0.0.0/8 ",
        "localhost",
        "10.0.0.0/8/8",
        "0.0.0.0/0x0",
        "::ffff:0:0/200",
    };
    struct guard_policy p = {0};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (guard_policy_add(&p, wrong[i]) != -EINVAL)
            fail_msg("taken: %s", wrong[i]);
    }
    for (size_t i = 0; i < GUARD_NETS_MAX; i++)
        assert_int_equal(guard_policy_add(&p, "10.0.0.0/8"), 0);
    assert_int_equal(guard_policy_add(&p, "10.0.0.0/8"), -ENOSPC);
}

/* --- files ------------------------------------------------------------------------------------ */

static void names_of_files_are_checked(void **state)
{
    (void)state;
    static const char *const fine[] = {"a.mp4", "clips/a b.webm", "clips/2026/\xc3\xa4.mkv",
                                       "..a",   "a..b/c",         ".hidden"};
    static const char *const wrong[] = {
        "",     "/etc/passwd", "..",   "../a.mp4", "a/../../b", "a/..", "./a",      "a/./b",
        "a//b", "a/",          "a\nb", "a\x7f",    "..\\a",     ".",    "a/\x01/b", "//a",
    };
    const char *why;
    for (size_t i = 0; i < COUNT(fine); i++) {
        if (guard_check_file(fine[i], &why))
            fail_msg("%s: %s", fine[i], why);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (guard_check_file(wrong[i], &why) != -EINVAL || strncmp(why, "file: ", 6) != 0)
            fail_msg("taken: %s", wrong[i]);
    }
    char longest[GUARD_FILE_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    longest[GUARD_FILE_MAX] = '\0';
    assert_int_equal(guard_check_file(longest, &why), -EINVAL);
    longest[GUARD_FILE_MAX - 1] = '\0';
    assert_int_equal(guard_check_file(longest, &why), 0);
}

static void put(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

static void at(char *out, size_t size, const char *folder, const char *name)
{
    snprintf(out, size, "%s/%s", folder, name);
}

static void files_stay_in_their_folder(void **state)
{
    (void)state;
    char base[] = "/tmp/guard-XXXXXX", in[128], path[256];
    assert_non_null(mkdtemp(base));
    at(in, sizeof(in), base, "in");
    assert_int_equal(mkdir(in, 0700), 0);
    at(path, sizeof(path), in, "sub");
    assert_int_equal(mkdir(path, 0700), 0);
    put(base, "secret");
    put(in, "a.mp4");
    put(in, "sub/b.mp4");
    static const char *const links[][2] = {{"../secret", "up"}, {"/etc/passwd", "abs"},
                                           {"a.mp4", "same"},   {"..", "folder"},
                                           {"loop", "loop"},    {"/proc/self/root", "magic"}};
    for (size_t i = 0; i < COUNT(links); i++) {
        at(path, sizeof(path), in, links[i][1]);
        assert_int_equal(symlink(links[i][0], path), 0);
    }
    at(path, sizeof(path), in, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);

    static const struct {
        const char *name;
        int err;
    } rows[] = {
        {"a.mp4", 0},
        {"sub/b.mp4", 0},
        {"up", -ENOENT},
        {"abs", -ENOENT},
        {"same", -ENOENT},
        {"folder/secret", -ENOENT},
        {"loop", -ENOENT},
        {"magic/etc/passwd", -ENOENT},
        {"fifo", -ENOENT},
        {"sub", -ENOENT},
        {"missing", -ENOENT},
        {"../secret", -EINVAL},
        {"/etc/passwd", -EINVAL},
        {"a.mp4/x", -ENOENT},
        {"sub/../a.mp4", -EINVAL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fd = guard_open_file(in, rows[i].name);
        if (rows[i].err ? fd != rows[i].err : fd < 0)
            fail_msg("%s: %d", rows[i].name, fd);
        if (fd >= 0)
            close(fd);
    }
    assert_int_equal(guard_open_file("/nonexistent", "a"), -ENOENT);
    char command[160];
    snprintf(command, sizeof(command), "rm -r %s", base);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_read),
        cmocka_unit_test(urls_are_refused),
        cmocka_unit_test(lengths_have_an_end),
        cmocka_unit_test(private_addresses_are_known),
        cmocka_unit_test(settings_allow_what_they_name),
        cmocka_unit_test(names_of_files_are_checked),
        cmocka_unit_test(files_stay_in_their_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
