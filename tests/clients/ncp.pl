#!/usr/bin/perl
# A small NCP client, written by hand: "a user's own client in another language".
# This is test data. On purpose it shares nothing with the project's own encoder,
# so that a mistake made there is not made here as well. Core modules only.
# Exit codes: 0 fine, 2 usage, 3 refused by the server, 4 no answer.
use strict;
use warnings;
use Getopt::Long qw(GetOptionsFromArray :config no_ignore_case no_auto_abbrev);
use IO::Select;
use IO::Socket::INET;
BEGIN { eval { require Time::HiRes; Time::HiRes->import('time') } }    # else whole seconds: perl-base lacks it
my $USAGE = <<'END';
usage: perl ncp.pl [options] HOST PORT      (or FAKENW_HOST, FAKENW_PORT, FAKENW_TRANSPORT)
  --transport tcp|udp   default: FAKENW_TRANSPORT, else tcp
  --user NAME           default: GUEST        --password PW   default: none
  --open PATH           open a file for reading, such as SYS:LOGIN/LOGIN.EXE
  --hold SECONDS        hold the connection this long; default: 0
  --unlicense           then close the file and give the license back (23/29, state 0)
  --no-logout           then exit: no close, no logout, no destroy
  --stay                then close the file and stay, logged in and idle, until killed
  --self-test           check the password encryption against known vectors, and exit
END
# The two tables of the bindery's password encryption.
my @S = map { hex } split //, '780864e45c17bfa8f8cc941e46240ab92fb1d2195e7002660738293f7fcf64a0'
    . '23abd83a17cf189d9194e4c55c8b239e7769efc8d1a6ed077a01f54b7bec95d1'
    . 'bd135de630bbf3649da3149483be5052cbd5d5d2d9aca0b3536951ee0e82d220'
    . '4f859686babf0728c73a1425f7ace593e712e1f4a6c6f430c036f87b2dc6aa8d';
my @K = unpack 'C*', pack 'H*', '48934667983de68db7107a265ab9b1356b0fd570aefbad11f447dca7eccf50c0';
my %option = (user => 'GUEST', password => '', hold => 0);
GetOptionsFromArray(\@ARGV, \%option, 'transport=s', 'user=s', 'password=s', 'open=s', 'hold=f',
    'unlicense', 'no-logout', 'stay', 'self-test') or usage();
exit self_test() if $option{'self-test'};
my $transport = lc($option{transport} // $ENV{FAKENW_TRANSPORT} // 'tcp');
my $host = shift @ARGV // $ENV{FAKENW_HOST} // usage();
my $port = shift @ARGV // $ENV{FAKENW_PORT} // usage();
my ($tries, $wait) = $transport eq 'udp' ? (5, 3) : (1, 15);    # seconds; TCP needs no repeating
usage() if @ARGV or $transport !~ /^(tcp|udp)$/ or $port !~ /^[1-9]\d*$/ or $option{hold} < 0;
$| = 1;
$SIG{PIPE} = 'IGNORE';
my ($connection, $sequence) = (0xFFFF, 0);    # 0xFFFF: "none yet"
my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Proto => $transport, Timeout => $wait)
    or no_answer("connecting to $host:$port: $@");
my $ready = IO::Select->new($socket);
exchange('attaching', 0x1111);
ask('negotiating the buffer size', 0x21, pack 'n', 1024);
print 'server ', unpack('Z48', ask17('asking for server information', 17)), "\n";
login(uc $option{user}, uc $option{password});    # requesters upper-case both before hashing
my $path = pack 'C3 C/a*', 0, 0x06, 0x01, $option{open} // '';    # for reading, hidden or not
my $file = defined $option{open} && substr ask('opening a file', 0x4C, $path), 0, 6;
print "holding connection $connection\n";
idle($option{hold});
if ($option{unlicense}) {
    close_file();
    ask17('giving the license back', 29, pack('C', 0), 0x7A);    # 0x7A: it was given back already
}
if ($option{stay}) {
    close_file();
    print "staying on connection $connection\n";
    idle(9**9);
}
unless ($option{'no-logout'}) {
    close_file();
    ask('logging out', 0x19);
    exchange('destroying the connection', 0x5555);
}
exit 0;

sub usage { print STDERR $USAGE; exit 2 }
sub no_answer { print STDERR "no answer while @_\n"; exit 4 }
sub refused {
    my ($code, $what, $status) = @_;
    printf STDERR 'refused 0x%02X while %s' . ($status ? " (status 0x%02X)\n" : "\n"), $code, $what, $status || ();
    # A polite client does not leave its half-made connection behind.
    transmit(0x5555, ++$sequence & 0xFF, "\0") unless $connection == 0xFFFF or $option{'no-logout'} or $option{stay};
    exit 3;
}

sub login {
    my ($name, $password, $key) = (@_, ask17('asking for a login key', 23));
    my $id = substr ask17("looking for user $name", 53, pack 'n C/a*', 1, $name), 0, 4;
    # 0xDF: the password has expired, but this login succeeded.
    ask17("logging in as $name", 24, encrypt($key, shuffle($id, $password)) . pack('n C/a*', 1, $name), 0xDF);
}

sub close_file {
    ask('closing the file', 0x42, "\0$file") if $file;
    $file = '';
}

sub idle { my $end = time + shift; packet($end) while time < $end }

sub ask {    # (what, function, data, completion codes that are fine) -> reply data
    my ($what, $function, $data, @fine) = @_;
    return exchange($what, 0x2222, pack('C a*', $function, $data // ''), @fine);
}

sub ask17 {    # the same for a sub-function of 23
    my ($what, $sub, $data, @fine) = @_;
    return ask($what, 23, pack('n/a*', pack 'C a*', $sub, $data // ''), @fine);
}

sub exchange {    # One request, its reply's data. @fine: completion codes that are no refusal.
    my ($what, $type, $body, @fine) = @_;
    $sequence = $type == 0x1111 ? 0 : ($sequence + 1) & 0xFF;
    for (1 .. $tries) {
        transmit($type, $sequence, $body // "\0");
        my $end = time + $wait;
        while (time < $end) {
            my $reply = packet($end) // next;
            my ($kind, $number, $low, undef, $high, $code, $status) = unpack 'n C6', $reply;
            next if $number != $sequence or $type != 0x1111 && $low + 256 * $high != $connection;
            if ($kind == 0x9999) { $end = time + $wait; next }    # "being processed": wait on
            next if $kind != 0x3333;
            refused($code, $what, $status) if $code && !grep({ $_ == $code } @fine) or $status & 0x11;
            $connection = $low + 256 * $high if $type == 0x1111;
            return substr $reply, 8;
        }
    }
    no_answer($what);
}

sub transmit {
    my ($type, $number, $body) = @_;
    my $bytes = pack 'n C4 a*', $type, $number, $connection & 0xFF, 1, $connection >> 8, $body;
    $bytes = pack 'a4 N3 a*', 'DmdT', 16 + length $bytes, 1, 65536, $bytes if $transport eq 'tcp';
    $socket->syswrite($bytes);
}

sub packet {    # The next NCP packet until the moment `end`, or undef. Answers watchdogs on the way.
    my $left = shift() - time;
    return undef unless $ready->can_read($left > 0 ? $left : 0);
    if ($transport eq 'tcp') {
        my ($signature, $size) = unpack 'a4 N', tcp_bytes(8);
        no_answer('reading: no NCP reply') if $signature ne 'tNcP' or ($size &= 0x0FFFFFFF) < 16;
        return tcp_bytes($size - 8);
    }
    $socket->sysread(my $bytes, 65536) or return undef;    # ECONNREFUSED: nobody listens, yet
    return length $bytes < 8 ? undef : $bytes unless $bytes =~ /^>>.{7}(.)$/s;    # 0x3E3E: the watchdog
    my ($low, $high) = (unpack 'C6', $bytes)[3, 5];
    $socket->syswrite(substr($bytes, 0, 9) . 'Y') if $1 eq '?' && $low + 256 * $high == $connection;
    return undef;
}

sub tcp_bytes {
    my ($size, $bytes) = (shift, '');
    while (length $bytes < $size) {
        my $count = $ready->can_read($wait) && $socket->sysread($bytes, $size - length $bytes, length $bytes);
        no_answer('reading: the server closed the socket') unless $count;
    }
    return $bytes;
}

sub shuffle {    # (object id as on the wire, password) -> 16 bytes
    my ($id, $password) = @_;
    $password =~ s/\0+\z//;
    my $work = $id x 8;
    $work ^= substr $password, 0, 32, '' while length $password >= 32;
    my @t = unpack 'C*', $work;
    my @rest = unpack 'C*', $password;
    # What remains is walked in a circle, with one byte of the other table at its end.
    $t[$_] ^= $rest[$_ % (@rest + 1)] // $K[$_] for @rest ? 0 .. 31 : ();
    my $sum = 0;
    for my $s (0 .. 31, 0 .. 31) {
        $t[$s] = ($t[$s] + $sum & 0xFF) ^ ($t[($s + $sum) % 32] - $K[$s] & 0xFF);
        $sum += $t[$s];
    }
    return pack 'C*', map { $S[$t[2 * $_]] | $S[$t[2 * $_ + 1]] << 4 } 0 .. 15;
}

sub encrypt {    # (key of 8 bytes, hash of 16) -> response of 8
    my ($key, $hash) = @_;
    my @k = unpack 'C*', shuffle(substr($key, 0, 4), $hash) . shuffle(substr($key, 4), $hash);
    $k[$_] ^= $k[31 - $_] for 0 .. 15;
    return pack 'C*', map { $k[$_] ^ $k[15 - $_] } 0 .. 7;
}

sub self_test {
    my $wrong = 0;
    while (<DATA>) {
        my ($id, $key, $hash, $response, $password) = /^(\w+) (\w+) (\w+) (\w+) '(.*)'$/;
        my $got = shuffle(pack('H*', $id), $password);
        my $fine = unpack('H*', $got) eq $hash && unpack('H*', encrypt(pack('H*', $key), $got)) eq $response;
        print $fine ? 'ok' : 'WRONG', " $id '$password'\n";
        $wrong ||= !$fine;
    }
    return $wrong;
}

# Vectors computed by ncpfs' own nwcrypt.c: object id, key, hash, response, password.
__DATA__
00000001 0123456789abcdef 4ad22a173e5984b681545a08bee44ce3 90c3e8f38a528e5f ''
00000001 0123456789abcdef 431acc6aff11a6d53f71189f6e1ca901 14e322da1b38ea07 'SECRET'
00000001 0000000000000000 6914a8c8ac0c177f53323801468f3707 0000000000000000 'NOVELL'
01000001 1122334455667788 7ba4801a98bbb740de9460e532746ee6 50072cad6a887bac 'SUPERVISOR'
deadbeef ffeeddccbbaa9988 c5a32dc2b73bff32d1d12d37f5914e04 dc066fec503a3e08 'A'
02000017 a1b2c3d4e5f60718 b650fef5b0ed56af94ebb91e82350b7d 217b64e99d363d71 'SMSCCMBOOTACCT'
02000017 a1b2c3d4e5f60718 3e8b324ec590a74c8a0d3f5ac4e510e5 f27e0fc8f9dcb5e7 'PASSWORD1234567890PASSWORD123456'
02000017 a1b2c3d4e5f60718 69d29550d0ec8af6c9429dcf107b3748 25a4ff310f0d0224 'PASSWORD1234567890PASSWORD1234567890ABCDEF'
02000017 a1b2c3d4e5f60718 0b00e462ba1067990407e95643548150 8bef9bae223cd84f 'lower Case'
