#!/usr/bin/perl
# sys-virt.pl URI FILE: defines the domain of FILE and walks it through its life, as a program would.
use strict;
use warnings;
use Sys::Virt;
use Sys::Virt::Domain;

$| = 1;
my ($uri, $file) = @ARGV;
my $connection = Sys::Virt->new(uri => $uri);
printf "%s, %s\n", $connection->get_type(), $connection->get_uri();
my $domain = $connection->define_domain(do { local (@ARGV, $/) = $file; <> });

my @events;
Sys::Virt::Event::register_default();
my $watching = Sys::Virt->new(uri => $uri);
my $id = $watching->domain_event_register_any(undef, Sys::Virt::Domain::EVENT_ID_LIFECYCLE,
  sub { my (undef, undef, $event, $detail) = @_; push @events, "$event/$detail"; });

$domain->create();
printf "%s: active %d, type %s, state %s\n", $domain->get_name(), $domain->is_active(), $domain->get_os_type(),
  join('/', $domain->get_state());
my $info = $domain->get_info();
printf "max %d KiB, %d vcpu\n", $info->{maxMem}, $info->{nrVirtCpu};
printf "cpu_shares %s\n", $domain->get_scheduler_parameters()->{cpu_shares};
my ($stats) = $connection->get_all_domain_stats(Sys::Virt::Domain::STATS_STATE | Sys::Virt::Domain::STATS_BALLOON);
printf "balloon.maximum %d\n", $stats->{data}->{'balloon.maximum'};
$domain->suspend();
$domain->resume();
$domain->set_metadata(Sys::Virt::Domain::METADATA_TITLE, "from Perl");
printf "title %s\n", $domain->get_metadata(Sys::Virt::Domain::METADATA_TITLE);
my @links = $domain->get_interface_addresses(Sys::Virt::Domain::INTERFACE_ADDRESSES_SRC_AGENT);
printf "inside: %s\n", join(', ', map { "$_->{name} $_->{addrs}[0]{addr}" } @links);
$domain->destroy();
$domain->undefine();
Sys::Virt::Event::run_default() while @events < 5;
print "lifecycle events @events\n";
$watching->domain_event_deregister_any($id);
eval { $connection->get_domain_by_name($domain->get_name()) };
printf "%s %d: %s\n", ref $@, $@->code, $@->message;
